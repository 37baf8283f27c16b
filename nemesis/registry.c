#include "nemesis/registry.h"

#include <stddef.h>
#include <string.h>

const struct ord_nemesis_ops *const *ord_nemeses(void)
{
    static const struct ord_nemesis_ops *const all[] = {
        &ord_nemesis_partition, &ord_nemesis_slow,    &ord_nemesis_flaky,
        &ord_nemesis_packet,    &ord_nemesis_kill,    &ord_nemesis_pause,
        &ord_nemesis_clock,     &ord_nemesis_process, &ord_nemesis_disk,
        &ord_nemesis_promote,   &ord_nemesis_member,  NULL,
    };

    return all;
}

const struct ord_nemesis_ops *ord_nemesis_find(const char *name)
{
    for (const struct ord_nemesis_ops *const *at = ord_nemeses(); *at != NULL;
         at++) {
        if (strcmp((*at)->name, name) == 0)
            return *at;
    }
    return NULL;
}
