#pragma once

/*
 * A plan: what would be done, in order. It is one text, printed by `certdrop plan`,
 * compared in tests, handed to the worker and kept in the journal:
 *
 *         plan web "put CN=web.example into service"
 *                 credential 5f0c...
 *                 predecessor 77ab...
 *
 *         change file "publish fullchain.pem, privkey.pem at /etc/ssl/web"
 *                 publish /etc/ssl/web
 *                 ...
 *
 * Its head may have more: `follow-up`, `soak`, `gap-budget`, `forward-only`, `second-try` and
 * `held` tell the members of those names below.
 *
 * A reconciler adds steps, which never fails; plan_check() tells whether what came out
 * can be carried out. Questions are a plan too, of PHASE_ASK steps only.
 *
 * Order. Steps are carried out from first to last, undo steps being passed over. When one
 * fails in or after the change phase, the steps begun are put back from last to first: a
 * file step puts back what it replaced, an undo step is now taken; unless all that was begun are
 * file steps that are known to have changed nothing. So what must happen
 * last when putting back (make the product load what was there before) is added first. No
 * condition is ever part of a plan: what depends on something unknown waits for the next
 * pass.
 */

#include "controller/base/arena.h"
#include "controller/base/buffer.h"
#include "controller/base/error.h"
#include "controller/model/step.h"

enum { PLAN_STEPS_MAX = 1000 };

typedef struct words plan_in_service_fn(
		const void *context, struct arena *arena, const char *target);

struct plan {
	struct arena *arena;
	const char *target;
	const char *text; /* "put CN=web.example into service" */
	const char *credential; /* digest; NULL in a plan of questions */
	const char *predecessor; /* digest; NULL when there is none */

	/* What remains to be done though the credential is in service ("purge the retired
	 * certificate"); NULL: this puts it into service. A follow-up that fails is tried again
	 * and never leads back to the predecessor. */
	const char *follow_up;
	/* It may begin only so long after the credential went into service. */
	long long soak_ms;

	/* How long after the last change step the last finish step that touches another site
	 * (DISRUPTION_REMOTE) may end: so long those that fail are tried again at once, and
	 * none of them takes longer, whatever its own deadline. Past it, what was changed is put back, if the predecessor can still help those who were
	 * not told; the same goes for any other finish step but file steps, which are tidying
	 * and come last. 0: they are tried as often as any other. */
	long long gap_budget_ms;
	/* There is no way back: nothing to go back to, or peers that trust only the new one by now.
	 * What fails counts as failed and not as put back, and is tried, from what is seen then,
	 * until it is done. */
	bool forward_only;

	/* "with a restart of the server": when it was not served, and was put back, it is not parked
	 * but planned once more, with an answer "second-try" among what is seen, by which the
	 * reconciler goes that way. NULL: there is no other way; nor is there a third try. */
	const char *second_try;

	/* Why it must not begin for now ("ds3, a peer, is offline"), or NULL. Going back to the
	 * predecessor does not wait for that. */
	const char *held;

	/* What the controller knows of targets; NULL: nothing. See plan_in_service(). */
	plan_in_service_fn *in_service;
	const void *context;

	struct step *steps;
	size_t count, size;
};

void plan_init(struct plan *plan, struct arena *arena, const char *target);

/* For a reconciler, when what one target replaces is what another one has to trust: the fingerprints of
 * what is wanted for the target of that name, and of what was in service there before. */
struct words plan_in_service(const struct plan *plan, const char *target);

/* `pins`, fingerprints with blanks between them or NULL, and those of plan_in_service() that they
 * lack: what certdrop itself has put there is as good as what is written down. */
const char *plan_add_pins(const struct plan *plan, const char *pins, const char *target);

/* ---- building; everything is copied into the plan's arena ---- */

/* The step just added can be refined through what is returned (together, disruption,
 * deadline_ms). */
struct step *plan_look(struct plan *plan, const char *name, const char *text,
		const struct look_step *look);
struct step *plan_make(struct plan *plan, const char *text, const struct make_step *make);
struct step *plan_file(struct plan *plan, enum phase phase, const char *text,
		const struct file_step *file);
struct step *plan_command(struct plan *plan, enum phase phase, const char *text,
		const struct command_step *command);
struct step *plan_http(struct plan *plan, enum phase phase, const char *text,
		const struct http_step *http);
struct step *plan_probe(struct plan *plan, enum phase phase, const char *text,
		const struct probe_step *probe);
struct step *plan_amend(struct plan *plan, enum phase phase, const char *text,
		const struct amend_step *amend);
struct step *plan_lease(struct plan *plan, const char *text, const struct lease_step *lease);

struct step *plan_ldap(struct plan *plan, enum phase phase, const char *text,
		const struct ldap_step *ldap);

/* Questions by tool, HTTP, handshake or LDAP: the answer is known by `name`. */
struct step *plan_ask_command(struct plan *plan, const char *name, const char *text,
		const struct command_step *command);
struct step *plan_ask_http(struct plan *plan, const char *name, const char *text,
		const struct http_step *http);
struct step *plan_ask_probe(struct plan *plan, const char *name, const char *text,
		const struct probe_step *probe);
struct step *plan_ask_ldap(struct plan *plan, const char *name, const char *text,
		const struct ldap_step *ldap);

/* ---- the text ---- */

void plan_print(const struct plan *plan, struct buffer *text);

/* ERROR_INTERNAL: not a plan, or one that plan_check() refuses. */
bool plan_read(struct arena *arena, const char *text, struct plan *plan,
		struct error *error) must_check;

/* ERROR_INTERNAL: an unknown field, phases out of order, a question without a name, one that
 * would amend, a lease outside of prepare, a change step in a plan without a credential, more
 * than PLAN_STEPS_MAX steps, a soak of what is no follow-up, a negative time, a follow-up that
 * says nothing, or that would have a second try. */
bool plan_check(const struct plan *plan, struct error *error) must_check;

/* ---- answers ---- */

/* What the worker brought back: one record "answer NAME" for each question, in which `took` says after
 * how many milliseconds. */
struct answers {
	struct arena *arena;
	struct records records;
};

/* Puts a copy behind those that are there, and takes away the earlier one of that name: it was asked again. */
void answers_add(struct answers *seen, const struct record *answer);

/* NULL: that was not asked yet. */
const struct record *answer(const struct answers *seen, const char *name);

/* Did it come after the other one? Those that were asked together have come in either order. */
bool answer_is_later(const struct answers *seen, const char *name, const char *other);

/* Did each of these handshakes, at every address that its question found, show this certificate? */
bool answers_all_serve(const struct answers *seen, struct words questions, const char *fingerprint);
