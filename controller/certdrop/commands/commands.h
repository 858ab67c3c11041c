#pragma once

/*
 * Which commands and options there are, as data: main.c reads the command line by these tables, and
 * prints them as help; the manual page is written of them; and completion reads the help.
 */

#include <stddef.h>

struct invocation;

struct command {
	const char *name;
	const char *arguments; /* "FILE... [--for TARGET]": what follows the name, "" for nothing */
	const char *help; /* a clause, for the help */
	const char *manual; /* full sentences, for the manual page; `word` is set as a word to type */
	size_t fewest, most; /* arguments that are no options */
	int (*run)(const struct invocation *invocation); /* gives the exit code */
};

/* In the order in which they are shown; the last one has no name. */
extern const struct command commands[];

/* The options of the command line: those of single commands stand in their `arguments`, too. */
struct flag {
	const char *name; /* "config", for --config */
	char letter; /* 'c', for -c; 0: there is none */
	const char *argument; /* "FILE"; NULL: it takes none */
	const char *help, *manual; /* as above */
};

extern const struct flag flags[];
