/*
 * The hosts file (hosts(5)) as a table, read once: it may be long, and a look-up must not wait
 * for a disk. A line that cannot be read is passed over, as the C library does. Bounded by
 * FILE_MAX octets and NAMES_MAX names; what comes after is not seen.
 */
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>

#define FILE_MAX (1u << 20)
#define NAMES_MAX 20000

struct host {
	union pr_dns_address address;
	struct host *next; /* another address of the same name */
	char name[];
};

struct dns_hosts_file {
	struct pr_hash_key hash;
	struct pr_map names;
	size_t n;
};

static uint64_t
key_of(const struct dns_hosts_file *f, const char *name)
{
	return pr_siphash(f->hash, name, strlen(name));
}

static void
add(struct dns_hosts_file *f, const union pr_dns_address *address, const char *text)
{
	char name[PR_DNS_NAME_SIZE];
	if (f->n >= NAMES_MAX || !dns_name_read(text, name))
		return;
	size_t size = strlen(name) + 1;
	struct host *h = pr_alloc(sizeof *h + size);
	h->address = *address;
	h->next = NULL;
	memcpy(h->name, name, size);
	f->n++;
	struct host *first = pr_map_get(&f->names, key_of(f, name));
	if (!first) {
		pr_map_put(&f->names, key_of(f, name), h);
		return;
	}
	while (first->next)
		first = first->next;
	first->next = h;
}

static void
read_line(struct dns_hosts_file *f, char *line)
{
	static const char blank[] = " \t\r\n\v\f";
	union pr_dns_address address;
	char *rest, *word;
	line[strcspn(line, "#")] = 0;
	word = strtok_r(line, blank, &rest);
	if (!word || !dns_address_read(word, &address))
		return;
	while ((word = strtok_r(NULL, blank, &rest)))
		add(f, &address, word);
}

struct dns_hosts_file *
dns_hosts_file_read(const char *path)
{
	FILE *file = fopen(path, "re");
	if (!file)
		return NULL;
	struct dns_hosts_file *f = pr_calloc(1, sizeof *f);
	pr_hash_key_random(&f->hash);
	char *line = NULL;
	size_t size = 0, seen = 0;
	ssize_t n;
	while (seen < FILE_MAX && (n = getline(&line, &size, file)) > 0) {
		seen += (size_t)n;
		read_line(f, line);
	}
	free(line);
	fclose(file);
	return f;
}

void
dns_hosts_file_free(struct dns_hosts_file *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < f->names.cap; i++) {
		struct host *h = f->names.slots[i].value, *next;
		for (; h; h = next) {
			next = h->next;
			free(h);
		}
	}
	pr_map_finish(&f->names);
	free(f);
}

size_t
dns_hosts_file_find(const struct dns_hosts_file *f, const char *name, union pr_dns_address *out,
                    size_t max)
{
	size_t n = 0;
	struct host *h = f ? pr_map_get(&f->names, key_of(f, name)) : NULL;
	for (; h && n < max; h = h->next)
		if (strcmp(h->name, name) == 0)
			out[n++] = h->address;
	return n;
}
