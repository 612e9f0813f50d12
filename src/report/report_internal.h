/* What the files of the report room share. */
#ifndef REPORT_INTERNAL_H
#define REPORT_INTERNAL_H

#include "postrider/base/arena.h"
#include "postrider/base/file.h"
#include "postrider/campaign/manifest.h"
#include "postrider/report.h"

#define DOMAINS_SHOWN 20
#define LINKS_SHOWN 100

/* tested.c: of the campaign's variants in turn, how many; 0: it has none. */
size_t variant_names(pr_ledger *l, struct pr_arena *a,
                     struct pr_str names[PR_MANIFEST_VARIANTS_MAX]);

#endif
