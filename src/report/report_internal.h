/* What the files of the report room share. */
#ifndef REPORT_INTERNAL_H
#define REPORT_INTERNAL_H

#include "postrider/base/file.h"
#include "postrider/report.h"

#define DOMAINS_SHOWN 20
#define LINKS_SHOWN 100

#endif
