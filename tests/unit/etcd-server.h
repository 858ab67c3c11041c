#pragma once

/* A real etcd, with its data in a directory of its own, on loopback ports. */

#include <sys/types.h>

#include "tests/unit/pair.h"

struct etcd_server {
	char url[64]; /* "https://localhost:PORT" */
	char *directory;
	pid_t pid;
};

/* `pair` is what it shows; its name should be localhost. Returns when it answers. */
void etcd_server_start(struct etcd_server *server, const struct pair *pair);
void etcd_server_stop(struct etcd_server *server);
