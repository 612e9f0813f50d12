/* The shared corpora: what others wrote down, one JSON value a line. They are not in the tree
 * and not everywhere; POSTRIDER_CORPORA names their folder. Needs jansson. */
#ifndef TESTS_CORPUS_H
#define TESTS_CORPUS_H

#include <check.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

/* Calls `each` with every line of a file. False, and a word about it: the file is not there. */
static inline bool
corpus_each(const char *file, void (*each)(json_t *line))
{
	char path[4096], *line = NULL;
	size_t size = 0;
	const char *folder = getenv("POSTRIDER_CORPORA");
	snprintf(path, sizeof path, "%s/%s", folder ? folder : "../shared/corpora", file);
	FILE *f = fopen(path, "r");
	if (!f) {
		printf("left out: %s is not there\n", path);
		return false;
	}
	while (getline(&line, &size, f) > 0) {
		json_t *value = json_loads(line, JSON_ALLOW_NUL, NULL);
		ck_assert_ptr_nonnull(value);
		each(value);
		json_decref(value);
	}
	free(line);
	fclose(f);
	return true;
}

/* A member's text; "" where there is none. */
static inline const char *
corpus_text(json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));
	return s ? s : "";
}

#endif
