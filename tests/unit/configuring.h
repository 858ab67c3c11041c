#pragma once

/*
 * What the tests of the configuration share: a product of their own, "disk", another one with the
 * same settings, "tape", and a directory for the files that are read.
 *
 *         configuring_begin(), configuring_end()     setup and teardown of each test
 *         write_file("main.conf", "...")
 *         config_load(main_file, &config, &mistakes)
 */

#include "controller/certdrop/config/config.h"
#include "reconcilers/reconciler.h"

/* What it replaces are its slots; a command to reload of more than two words is too long for it. */
extern const struct reconciler disk;

/* There is a directory targets.d in it. */
extern char directory[64];

/* Its main.conf. */
extern char main_file[128];

/* Whatever else than main.conf, more.conf and some in targets.d is left there fails the test. */
int configuring_begin(void **state);
int configuring_end(void **state);

/* The name is below the directory; what is there is replaced. */
void write_file(const char *name, const char *text);
