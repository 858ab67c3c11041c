#pragma once

/*
 * A subject: one target, and all that is known of it while the controller runs. It has three
 * views of the target (wanted, installed, served) and two stories that are told as one state:
 * what became of the files that lie in its directory (the intake), and what became of the
 * credential that is wanted (the outcome). As long as the intake has something to say it is
 * told; otherwise the outcome is.
 *
 * Strings of a subject live in its memories: arenas that are replaced
 * as a whole with what they hold.
 */

#include <uv.h>

#include "controller/base/arena.h"
#include "controller/certdrop/feed/admission.h"
#include "controller/model/credential.h"
#include "controller/model/plan.h"
#include "controller/model/target.h"

enum state {
	STATE_IDLE, /* nothing was dropped yet */
	STATE_WAITING, /* for something that is missing, for its turn, or for the service */
	STATE_REFUSED, /* what was dropped will not do */
	STATE_HELD, /* for a window, the clock, a lease, an approval */
	STATE_APPLYING,
	STATE_IN_SERVICE,
	STATE_ROLLED_BACK, /* what was tried is put back; the predecessor is proven */
	STATE_FAILED, /* it is tried again at the time told */
};

const char *state_name(enum state state); /* "in-service" */
bool state_read(const char *name, enum state *state);

struct controller;
struct feed;
struct job;
struct pass;
struct refusal;

struct story {
	enum state state;
	const char *reason; /* a sentence, or NULL */
};

/* What remains to be done though what is wanted is in service (struct plan's follow_up). */
struct pending {
	const char *text; /* NULL: nothing */
	const char *reason; /* why it is not done yet */
	long long at; /* when it comes, seconds since 1970; 0: not known */
};

/* The steps of the latest plan that was carried out, for the receipt. What is put back is told with those
 * that it failed with; whatever else comes to be wanted has none yet. */
struct deeds {
	struct arena *memory;
	struct records steps; /* "step TEXT RESULT MILLISECONDS" */
	long gap_ms; /* -1: it had none */
	long gap_budget_ms; /* 0: it had none */
	const struct job *job; /* the one that adds to them; NULL: none does */
};

/* What was wanted before, in case that it is to be so again. */
struct former {
	struct arena *memory; /* NULL: it is not known */
	const char *wanted, *predecessor, *put_back, *inputs; /* see struct subject */
	long long in_service_since;
	struct deeds deeds;
};

struct subject {
	struct controller *controller;
	const struct target *target;
	struct feed *feed;

	/* wanted; its memory is `wanted_memory` */
	struct arena *wanted_memory;
	const char *wanted; /* digest, NULL: nothing is wanted yet */
	struct credential facts;
	bool unfinished; /* a change of it was cut short, and no service runs that would take it up */
	const char *lost; /* digest of what would be wanted, were it whole in the store; NULL */
	const char *predecessor; /* digest, NULL: there is none */
	const char *put_back; /* why what was dropped last is put back; NULL: it is not */
	const char *inputs; /* records "input NAME SHA256": what was dropped last */
	struct words others;
	long long accepted_ns; /* when the newest of its files came that were there then */
	long long in_service_since; /* seconds since 1970; 0: it is not, yet */
	bool by_order; /* of `certdrop rollback`, which waits for no window */

	/* what its product says of that (verdict.h) */
	struct former former;
	bool accepted; /* there is a plan for it */
	bool lies_there; /* its files stay in the drop until then */
	bool lay_there; /* they did: that they are taken away is no news of another drop */
	struct arena *refusals_memory; /* NULL: nothing was refused */
	struct refusal *refusals; /* the latest first */

	/* what lies in its directory and was not taken in: leftover.h */
	struct arena *left_memory;
	const char *left; /* records "file NAME SHA256 STATE REASON"; "": nothing */

	/* installed and served: the latest answers; their memory is `seen_memory` */
	struct arena *seen_memory;
	struct records seen;
	long long seen_at; /* seconds since 1970; 0: never */

	/* what is told; the reasons live in `story_memory` */
	struct arena *story_memory;
	struct story intake, outcome;
	struct pending pending;
	char *logged; /* what the log has of it: "refused: ..."; NULL: nothing that still holds */
	char *warned; /* what the receipt warns of, one sentence a line; NULL: not known */
	bool untold; /* the receipt may not say it: it could not be written, or a crash came first */
	bool applying;
	const char *applying_why; /* what is to be known of it besides; NULL: nothing */
	long long since; /* when the state that is told began */

	struct deeds deeds;

	/* when to act */
	struct pass *pass; /* the one that is under way */
	bool due; /* in the queue */
	bool again; /* became due while a pass was under way */
	bool blocked; /* another target comes first: it is due when that one has nothing to do */
	unsigned attempts; /* failures in a row */
	long long retry_at_ms; /* wall clock, 0: none */
	uv_timer_t timer; /* the retry, or the next look at what is served */
	struct subject *next_due;
};

/* With what the journal remembers of it. */
struct subject *subject_new(struct controller *controller, const struct target *target);
void subject_free(struct subject *subject); /* its timer must be closed */

/* The state that is told, and why. */
enum state subject_state(const struct subject *subject);
const char *subject_reason(const struct subject *subject);

/* Something new to tell: the journal remembers it, the receipt is written, whoever waits is told.
 * Telling the same again does nothing. */
void subject_tell_intake(struct subject *subject, enum state state, const char *reason);
void subject_tell_outcome(struct subject *subject, enum state state, const char *reason);

/* A plan is being carried out; `why` is a sentence in the pass's memory, or NULL. */
void subject_tell_applying(struct subject *subject, const char *why);
void subject_tell_not_applying(struct subject *subject);

/* What is wanted is in service. It is told as rolled-back for as long as
 * that is so because something else was put back, whatever failed in
 * between: whoever dropped that must read it. What is pending is told with it. */
void subject_tell_settled(struct subject *subject, struct pending pending);

/* What is wanted was put into service just now, perhaps once more. */
void subject_in_service_anew(struct subject *subject);

/* Another credential is wanted: the one in the store under `facts`. What was wanted becomes the
 * predecessor if it was in service. `inputs` and `others` are copied. */
void subject_want(struct subject *subject, const struct credential *facts, const char *inputs,
		struct words others);

/* What was dropped is wanted now: whoever dropped it must not go on reading of the one before. */
void subject_tell_taken_in(struct subject *subject);

/* What lies in its directory and was not taken in is this, from now on. false: it was before. */
bool subject_leave(struct subject *subject, const char *left);

/* What was put into service while another one came to be wanted is the predecessor of that. */
void subject_precede(struct subject *subject, const char *digest);

/* What lay in the directory until then (nanoseconds since 1970) is
 * dealt with: it is told no more. */
void subject_accepted(struct subject *subject, long long until_ns);

/* The predecessor is wanted again, if there is one. `put_back` is the
 * reason when the product did not take what is wanted, NULL when it was an
 * order. */
void subject_want_back(struct subject *subject, const char *put_back);

/* What was wanted before this one came is wanted again, as if it had never come; where that is not
 * known (after a restart), the predecessor is. */
void subject_want_former(struct subject *subject);

/* A plan is about to be carried out. */
void subject_forget_deeds(struct subject *subject);

/* The journal gets to know again what is true of it: the last commit may have failed. */
void subject_remember(struct subject *subject);

/* Is this credential whole in the store? false: whoever dropped it must do so again, as `error` says. */
bool subject_has_whole(const struct subject *subject, const char *digest, struct arena *arena,
		struct credential *facts, struct error *error) must_check;

void subject_seen(struct subject *subject, const struct answers *answers);

/* Something was done since, and nobody knows with what success. */
void subject_unseen(struct subject *subject);

/* Was this credential in service at any time? */
bool subject_was_in_service(const struct subject *subject, const char *digest);

/* The plan was carried out: the wanted one is what is installed now, and what its prove
 * steps expected is served. false: it had none. */
bool subject_proven(struct subject *subject, const struct plan *plan);
