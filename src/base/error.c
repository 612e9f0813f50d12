/* Errors, assertions, and memory that must be there. */
#include "postrider/base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int
pr_fail(struct pr_error *e, int code, const char *format, ...)
{
	if (e) {
		va_list ap;
		va_start(ap, format);
		e->code = code;
		vsnprintf(e->text, sizeof e->text, format, ap);
		va_end(ap);
	}
	return code;
}

static int
code_of_errno(int number)
{
	switch (number) {
	case ENOSPC:
	case EDQUOT: return PR_ENOSPC;
	case EIO: return PR_EIO;
	case ENOENT: return PR_ENOENT;
	case EEXIST: return PR_EEXIST;
	case EACCES:
	case EPERM: return PR_EDENIED;
	default: return PR_ESYSTEM;
	}
}

int
pr_fail_errno(struct pr_error *e, const char *format, ...)
{
	int number = errno, code = code_of_errno(number);
	if (e) {
		va_list ap;
		va_start(ap, format);
		e->code = code;
		int n = vsnprintf(e->text, sizeof e->text, format, ap);
		va_end(ap);
		if (n >= 0 && (size_t)n < sizeof e->text)
			snprintf(e->text + n, sizeof e->text - (size_t)n, ": %s", strerror(number));
	}
	errno = number;
	return code;
}

const char *
pr_error_word(int code)
{
	static const char *const words[] = {
	    "ok",     "invalid", "not_found", "exists",    "no_space",
	    "io",     "corrupt", "limit",     "state",     "again",
	    "denied", "system",  "version",   "cancelled", "not_available_yet",
	    "tls",
	};
	unsigned i = code <= 0 ? (unsigned)-code : ~0u;
	return i < sizeof words / sizeof *words ? words[i] : "error";
}

_Noreturn void
pr_assert_failed(const char *what, const char *file, int line)
{
	fprintf(stderr, "postrider: %s:%d: contract broken: %s\n", file, line, what);
	abort();
}

static void *
must(void *p)
{
	if (!p) {
		fputs("postrider: out of memory\n", stderr);
		abort();
	}
	return p;
}

void *
pr_alloc(unsigned long size)
{
	return must(malloc(size ? size : 1));
}

void *
pr_calloc(unsigned long n, unsigned long size)
{
	return must(calloc(n ? n : 1, size ? size : 1));
}

void *
pr_realloc(void *p, unsigned long size)
{
	return must(realloc(p, size ? size : 1));
}

char *
pr_strdup(const char *s)
{
	return must(strdup(s));
}

char *
pr_strndup(const char *s, unsigned long n)
{
	return must(strndup(s, n));
}
