#pragma once

/*
 * Errors: what happened, to what, and why, in one sentence.
 *
 * Whatever can fail returns bool and takes a struct error last. True is success; on
 * failure the error is filled in and the outputs are untouched. The kind decides what
 * happens next, the text is what the operator reads. Build it inside out:
 *
 *         if (connect(...) < 0)
 *                 return fail(error, ERROR_RETRY, "connect to %s: %s", name, strerror(errno));
 *         ...
 *         if (!reload(..., error))
 *                 return fail_while(error, "reload %s", name);
 *
 * A text is one lower-case sentence without a full stop, at most ERROR_TEXT_SIZE - 1
 * bytes; a longer one is cut at a character boundary. It never holds key material or a
 * password.
 */

#include <stdarg.h>
#include <stdbool.h>

enum { ERROR_TEXT_SIZE = 512 };

enum error_kind {
	ERROR_RETRY, /* the world may change by itself: back off and try again */
	ERROR_INPUT, /* this credential will not do: wait for another one */
	ERROR_CONFIG, /* the settings are wrong: wait for a reload */
	ERROR_INTERNAL, /* our own mistake: stop touching this target */
};

struct error {
	enum error_kind kind;
	char text[ERROR_TEXT_SIZE];
};

/* A result that is not looked at is a mistake; printf_like checks the arguments. */
#define must_check               __attribute__((warn_unused_result))
#define printf_like(text, first) __attribute__((format(printf, text, first), nonnull(text)))

/* Fills in `error` and returns false. */
bool fail(struct error *error, enum error_kind kind, const char *format, ...) printf_like(3, 4);

/* The same for whoever takes such arguments, too. */
bool vfail(struct error *error, enum error_kind kind, const char *format, va_list arguments)
		printf_like(3, 0);

/* Puts what was being done in front of the text that is there ("format: text"), and
 * returns false. */
bool fail_while(struct error *error, const char *format, ...) printf_like(2, 3);

/* clang's analyser sees no bodies but those of one file: it has to
 * be told that these return false. */
#ifdef __clang_analyzer__
#define fail(...)       (fail(__VA_ARGS__), false)
#define vfail(...)      (vfail(__VA_ARGS__), false)
#define fail_while(...) (fail_while(__VA_ARGS__), false)
#endif

/* The word for a kind ("retry", "input", "configuration", "internal"), and back.
 * error_kind_read() is false for any other word. */
const char *error_kind_name(enum error_kind kind);
bool error_kind_read(const char *name, enum error_kind *kind);
