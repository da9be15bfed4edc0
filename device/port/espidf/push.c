// SPDX-License-Identifier: Apache-2.0
// Updates that the app brings itself.
#include "device/port/espidf/idf.h"
#include "slotseal_device.h"

esp_err_t ss_device_begin(const void *release, size_t release_len, const void *delivery, size_t delivery_len,
                          uint32_t *wanted)
{
    *wanted = 0;
    struct ss_agent *agent = ss_idf_pulls() ? NULL : ss_idf_take();
    if (!agent)
        return ESP_ERR_INVALID_STATE;
    return ss_idf_give(ss_agent_begin(agent, release, release_len, delivery, delivery_len, wanted));
}

esp_err_t ss_device_write(const void *in, size_t len)
{
    struct ss_agent *agent = ss_idf_take();
    return agent ? ss_idf_give(ss_agent_write(agent, in, len)) : ESP_ERR_INVALID_STATE;
}

uint32_t ss_device_wanted(void)
{
    struct ss_agent *agent = ss_idf_take();
    if (!agent)
        return 0;
    uint32_t wanted = ss_agent_wanted(agent);
    (void)ss_idf_give(SS_OK);
    return wanted;
}

esp_err_t ss_device_finish(void)
{
    struct ss_agent *agent = ss_idf_take();
    return agent ? ss_idf_give(ss_agent_finish(agent)) : ESP_ERR_INVALID_STATE;
}

esp_err_t ss_device_key_set(const void *key_set, size_t len)
{
    struct ss_agent *agent = ss_idf_take();
    return agent ? ss_idf_give(ss_agent_key_set(agent, key_set, len)) : ESP_ERR_INVALID_STATE;
}
