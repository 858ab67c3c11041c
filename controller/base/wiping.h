#pragma once

/*
 * Memory that is cleansed when it is given back, for libraries that secrets pass through: what
 * they leave in memory that is free would stay there for as long as the process waits for its next
 * job. As malloc(3) and its like, but for the cleansing.
 */

#include <stddef.h>

void *wiping_malloc(size_t size);
void *wiping_calloc(size_t count, size_t size);
void *wiping_realloc(void *memory, size_t size);
char *wiping_strdup(const char *text);
void wiping_free(void *memory);

/* OpenSSL's memory, too. Before any other call to it, else the process ends. */
void wiping_for_openssl(void);
