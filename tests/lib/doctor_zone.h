/*
 * A name server made of a table: look-ups for the doctor's evaluators. A row of text "!" stands
 * for a server that fails. Names that have no row at all do not exist.
 */
#ifndef TESTS_DOCTOR_ZONE_H
#define TESTS_DOCTOR_ZONE_H

#include "postrider/doctor.h"

#include <strings.h>

struct zone_row {
	const char *name; /* NULL: the end */
	enum pr_dns_type type;
	const char *text;
};

struct zone {
	const struct zone_row *rows;
	unsigned queries;
	char last[PR_DNS_NAME_SIZE]; /* asked for */
};

static enum pr_dns_status
zone_look_up(void *context, const char *name, enum pr_dns_type type, struct pr_doctor_answer *out)
{
	struct zone *z = context;
	bool exists = false;
	out->n = 0;
	z->queries++;
	strncpy(z->last, name, sizeof z->last - 1);
	for (const struct zone_row *r = z->rows; r->name; r++) {
		if (strcasecmp(r->name, name) != 0)
			continue;
		exists = true;
		if (r->type != type || out->n == PR_DOCTOR_RECORDS_MAX)
			continue;
		if (strcmp(r->text, "!") == 0)
			return PR_DNS_TEMP;
		out->records[out->n++] = pr_str(r->text);
	}
	return out->n ? PR_DNS_OK : exists ? PR_DNS_NODATA : PR_DNS_NXDOMAIN;
}

static inline struct pr_doctor_dns
zone_dns(struct zone *z)
{
	return (struct pr_doctor_dns){zone_look_up, z};
}

#endif
