#include "controller/certdrop/pass/pass-parts.h"

#include "controller/base/log.h"
#include "controller/certdrop/clock.h"
#include "controller/certdrop/controller.h"
#include "controller/certdrop/pass/backoff.h"
#include "controller/certdrop/pass/gate.h"

enum { SOON_MS = 500 };

static void on_timer(uv_timer_t *timer)
{
	struct subject *subject = timer->data;

	subject->retry_at_ms = 0;
	controller_due(subject->controller, subject);
}

static void wake_in(struct subject *subject, uint64_t milliseconds)
{
	if (subject->controller->mode == MODE_SERVICE)
		(void)uv_timer_start(&subject->timer, on_timer, milliseconds, 0);
}

/* What it was to come for comes now; what is next told is when the pass is over. */
void pass_comes_now(struct subject *subject)
{
	(void)uv_timer_stop(&subject->timer);
	subject->retry_at_ms = 0;
}

void pass_again_soon(struct subject *subject)
{
	if (subject->controller->mode == MODE_SERVICE)
		wake_in(subject, SOON_MS);
	else
		subject->again = true;
}

/* What is wrong with settings, rights or passwords does not mend itself, and a few wrong passwords lock
 * a user: it is tried at the pace of looks then. */
static uint64_t at_least_ms(const struct pass *pass, const struct error *error)
{
	const struct subject *subject = pass->subject;

	if (error->kind != ERROR_CONFIG)
		return 0;
	return (uint64_t)config_check_ms(subject->controller->config, subject->target);
}

void pass_try_again_later(struct pass *pass, const struct error *error)
{
	struct subject *subject = pass->subject;
	const struct config *config = subject->controller->config;
	uint32_t random = 0;
	uint64_t delay;

	/* Whatever came meanwhile would only have the same wrong password tried once more. */
	if (error->kind == ERROR_CONFIG)
		subject->again = false;
	subject->attempts++;
	(void)uv_random(NULL, NULL, &random, sizeof(random), 0, NULL);
	delay = backoff_ms(subject->attempts, (uint64_t)config->retry_first_ms,
			(uint64_t)config->retry_cap_ms, random);
	if (delay < at_least_ms(pass, error))
		delay = at_least_ms(pass, error);
	subject->retry_at_ms = clock_now() * 1000 + (long long)delay;
	wake_in(subject, delay);
	log_warning("target %s: %s, trying again in %llu s", subject->target->name, error->text,
			(unsigned long long)(delay + 999) / 1000);
}

void pass_look_again_later(struct subject *subject)
{
	wake_in(subject, (uint64_t)config_check_ms(subject->controller->config, subject->target));
}

/* ---- at the gate ---- */

/* When the gate opens; it is looked at again before, in case that the world changes. */
static void wake_at(struct subject *subject, long long seconds)
{
	const long long check_ms = config_check_ms(subject->controller->config, subject->target);
	const long long left_ms = seconds > 0 ? seconds * 1000 - clock_now_ms() : check_ms;

	wake_in(subject, (uint64_t)(left_ms < 0 ? 0 : left_ms < check_ms ? left_ms : check_ms));
}

static const char *why_held(const struct pass *pass, const struct gate *gate)
{
	const char *put_back = pass->subject->put_back;

	if (pass->first_try)
		return arena_printf(pass->arena, "%s: %s", pass->first_try, gate->reason);
	/* Whoever dropped what was put back must still read why. */
	if (put_back)
		return arena_printf(pass->arena, "%s; %s", gate->reason, put_back);
	return gate->reason;
}

/* What is in service stays so while something else of it has to wait. */
void pass_wait_at_gate(struct pass *pass, const struct gate *gate)
{
	struct subject *subject = pass->subject;
	const struct pending pending = {
		.text = pass->plan.follow_up, .reason = gate->reason, .at = gate->at
	};

	subject->attempts = 0;
	subject->retry_at_ms = pending.text ? 0 : gate->at * 1000;
	if (pending.text)
		subject_tell_settled(subject, pending);
	else
		subject_tell_outcome(subject, STATE_HELD, why_held(pass, gate));
	wake_at(subject, gate->at);
	pass_end(pass);
}
