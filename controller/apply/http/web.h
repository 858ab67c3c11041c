#pragma once

/*
 * Connections that stay open between the steps of a worker, so that a request that must
 * not wait finds its connection made, authenticated and checked by an earlier one.
 *
 *         web_new()                              once in a worker
 *         curl = web_borrow(web, key)            any thread; a handle of its own
 *         web_give_back(web, key, curl)
 *         web_close(web)                         between jobs: no thread has a handle
 *         web_free(web)
 *
 * The key tells all that a connection depends on (host, what is trusted, who we are), so
 * that none is used for a request that trusts less or something else.
 */

#include <curl/curl.h>

struct web;

struct web *web_new(void);
void web_free(struct web *web); /* NULL is allowed */

/* All connections: libcurl keeps with each one the password that it was made with, and who waits for
 * the next job is to know none. */
void web_close(struct web *web);

/* A handle with default options; with open connections if the key was used before. */
CURL *web_borrow(struct web *web, const char *key);
void web_give_back(struct web *web, const char *key, CURL *curl);
