/*
 * The log: one line an event, to standard error (the journal takes it there),
 * as text or JSON. Only the programs and rooms that decide write it; libraries
 * return a pr_error. Never an address or a name at level info or above.
 * May be called from any thread.
 */
#ifndef POSTRIDER_BASE_LOG_H
#define POSTRIDER_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum pr_log_level { PR_LOG_ERROR, PR_LOG_WARNING, PR_LOG_INFO, PR_LOG_DEBUG };

/* What a line is about; unset members are left out. */
struct pr_log_about {
	const char *event;    /* a word: "campaign_accepted"; required */
	const char *campaign; /* its id */
	uint32_t row;
	const char *site, *route, *class, *by;
	int code; /* SMTP reply code */
};

void pr_log_setup(enum pr_log_level level, bool json);
void pr_log(enum pr_log_level level, const struct pr_log_about *about, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define PR_LOG(level, event_word, ...)                                                             \
	pr_log((level), &(struct pr_log_about){.event = (event_word)}, __VA_ARGS__)

#endif
