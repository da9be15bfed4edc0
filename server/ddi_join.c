// SPDX-License-Identifier: Apache-2.0
// Devices that nobody has registered: hawkBit's plug and play.
#include "server/auth.h"
#include "server/ddi.h"
#include "server/log.h"

enum ss_http_result ss_ddi_join(struct ss_http_request *request)
{
    const struct ss_store_registration device = request->device.registration;
    struct ss_error err = {0};
    bool joined;
    ss_status_t status = ss_store_device_join(request->front->store, &device, &joined, &err);
    if (status != SS_OK)
        return ss_http_answer_failure(request, status, &err);
    if (joined)
        ss_log(SS_LOG_INFO, "a device registered itself", "device", device.id, "product", device.product, NULL);
    // Somebody may have been quicker, and have given it another credential.
    request->newcomer = false;
    (void)ss_auth_device(ss_http_owner(request), true);
    return request->status ? SS_HTTP_DONE : ss_ddi_poll(request);
}
