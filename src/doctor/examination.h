/* An examination: what the checks share while they look at one configuration. */
#ifndef DOCTOR_EXAMINATION_H
#define DOCTOR_EXAMINATION_H

#include "postrider/campaign/address.h"
#include "postrider/doctor.h"

#define SUBJECTS_MAX 2000
#define SOURCES_MAX 256

struct subject {
	const char *domain; /* of From */
	const char *bounce; /* of the return path */
};

struct source {
	const char *address;
	const char *hostname; /* EHLO */
};

struct examination {
	const struct pr_doctor_dns *dns;
	const struct pr_config *config; /* may be NULL */
	struct pr_doctor_report *report;
	struct subject *subjects;
	size_t subjects_n;
	struct source *sources;
	size_t sources_n;
};

/* About whom and by which check; then the sentence. The texts of about must last. */
struct about {
	const char *domain, *source, *check;
};
void doctor_say(struct examination *x, struct about about, enum pr_doctor_result result,
                const char *remedy, const char *format, ...) __attribute__((format(printf, 5, 6)));
/* A remedy, in the report's arena. */
const char *doctor_remedy(struct examination *x, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* subjects.c; the arrays are of the report's arena. */
void doctor_collect(struct examination *x, const struct pr_doctor_question *question);

/* What makes a subject pass DMARC. */
struct proof {
	bool spf, dkim;     /* passes and is aligned: of SPF, from every source */
	bool spf_looked_at; /* there are sources */
	bool unknown;       /* a name server failed: one of them may pass all the same */
};
#define LATER "look again later" /* the remedy of what is unknown */
/* Whether it passes from every source: 1, 0, PR_EAGAIN. */
int doctor_check_spf(struct examination *x, const struct subject *s);
/* Whether the key is published and can be used: 1, 0, PR_EAGAIN. */
int doctor_check_dkim(struct examination *x, const char *from_domain,
                      const struct pr_dkim_key *key);
/* Whether it signs mail of the domain: its own is that or a parent. */
bool doctor_signs(const struct pr_dkim_key *key, const char *from_domain);
void doctor_check_return_path(struct examination *x, const struct subject *s);
void doctor_check_source(struct examination *x, const struct source *s);

#endif
