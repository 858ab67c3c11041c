#pragma once

/*
 * Memory that is cleansed when it is given back, for libraries that secrets pass through:
 * libcurl (passwords, request bodies) and jansson (replies, some of which hold private
 * keys).
 */

/* Before any other call to these libraries; once per process. */
void wiping_init(void);
