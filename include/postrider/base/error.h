/*
 * Errors: a code for the program, a sentence for people.
 *
 * Functions that can fail return 0 or a negative PR_E code and write their
 * outputs only on success. The sentence travels outward in a pr_error and is
 * said once, where the program decides. What became of a *message* is never an
 * error: it is a verdict (delivery/verdict).
 */
#ifndef POSTRIDER_BASE_ERROR_H
#define POSTRIDER_BASE_ERROR_H

#define PR_EINVAL (-1)    /* the input is wrong: say where and what to do */
#define PR_ENOENT (-2)    /* what was named does not exist */
#define PR_EEXIST (-3)    /* what is to be made exists */
#define PR_ENOSPC (-4)    /* disk full (or quota): goes on when there is room */
#define PR_EIO (-5)       /* the disk failed: stop, recover from disk */
#define PR_ECORRUPT (-6)  /* stored data does not hold together */
#define PR_ELIMIT (-7)    /* a bound of the program was reached */
#define PR_ESTATE (-8)    /* not possible in the present state */
#define PR_EAGAIN (-9)    /* not now; the same call may work later */
#define PR_EDENIED (-10)  /* not permitted */
#define PR_ESYSTEM (-11)  /* a system call failed; the text names it */
#define PR_EVERSION (-12) /* written by a newer version of this program */
#define PR_ECANCELLED (-13)
#define PR_EUNAVAILABLE (-14) /* a feature that is not built yet */
#define PR_ETLS (-15)         /* TLS failed: the handshake, or a record that was not sound */

struct pr_error {
	int code; /* 0: nothing failed */
	char text[500];
};

/* Fill e (may be NULL) with a code and a formatted sentence; returns code. */
int pr_fail(struct pr_error *e, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same for a failed system call: appends strerror(errno) and chooses the
 * code from errno (ENOSPC and EDQUOT, EIO, ENOENT, EEXIST, EACCES and EPERM,
 * else PR_ESYSTEM). */
int pr_fail_errno(struct pr_error *e, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A short lower-case word for a code ("no_space"), for JSON and logs. */
const char *pr_error_word(int code);

/*
 * A contract of the code itself. Holds in release builds too. Never use it on
 * what a peer, a file or a user sent.
 */
#define PR_ASSERT(condition)                                                                       \
	((condition) ? (void)0 : pr_assert_failed(#condition, __FILE__, __LINE__))
_Noreturn void pr_assert_failed(const char *what, const char *file, int line);

/* Memory that must be there: these end the program where malloc fails. */
void *pr_alloc(unsigned long size);                   /* not cleared */
void *pr_calloc(unsigned long n, unsigned long size); /* cleared */
void *pr_realloc(void *p, unsigned long size);
char *pr_strdup(const char *s);
char *pr_strndup(const char *s, unsigned long n);

#endif
