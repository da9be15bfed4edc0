// SPDX-License-Identifier: Apache-2.0
#include "server/status_page.h"

#include <stdlib.h>
#include <string.h>

#include "server/front_parts.h"
#include "server/log.h"

static enum ss_http_result say(struct ss_http_request *request, unsigned status, const char *text)
{
    return ss_http_answer_bytes(request, status, "text/plain", text, strlen(text));
}

enum ss_http_result ss_page_healthz(struct ss_http_request *request)
{
    return say(request, 200, "ok\n");
}

/// Why it is not is for the log alone: it may name files. Once, until it can be written again.
static bool store_writable(struct ss_front *front)
{
    struct ss_error err = {0};
    bool works = ss_store_writable(front->store, &err) == SS_OK;
    bool worked = !atomic_exchange(&front->unwritable, !works);
    if (works != worked)
        ss_log(works ? SS_LOG_INFO : SS_LOG_ERROR,
               works ? "the store can be written again" : "the store cannot be written", "reason",
               works ? NULL : err.message, NULL);
    return works;
}

enum ss_http_result ss_page_readyz(struct ss_http_request *request)
{
    struct ss_front *front = request->front;
    if (atomic_load(&front->stopping))
        return say(request, 503, "stopping\n");
    if (ss_store_ping(front->store, NULL) != SS_OK)
        return say(request, 503, "no store\n");
    if (!store_writable(front))
        return say(request, 503, "the store cannot be written\n");
    if (front->sealer_kept && !ss_front_sealer_there(front))
        return say(request, 503, "no sealer\n");
    return say(request, 200, "ready\n");
}

enum ss_http_result ss_page_metrics(struct ss_http_request *request)
{
    struct ss_front *front = request->front;
    struct ss_store_counts counts;
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    if (!out)
        return ss_http_answer_failure(request, SS_ERROR_INSUFFICIENT_MEMORY, NULL);
    bool counted = ss_store_count(front->store, &counts, NULL) == SS_OK;
    ss_metrics_print(&front->metrics, ss_route_names(), counted ? &counts : NULL, ss_front_sealer_there(front), out);
    fclose(out);
    ss_http_answer_bytes(request, 200, "text/plain; version=0.0.4", text, len);
    free(text);
    return SS_HTTP_DONE;
}
