/*
 * The server's certificate monitor: below cn=monitor it has an entry for each certificate that it uses,
 * with subject, serial number, dates and key store. It answers to those only who have the privilege
 * metrics-read, it may be late, and nowhere is it said how it writes a serial number. So it proves
 * nothing, and holds back one thing only: while it tells of other certificates than the wanted one,
 * nothing is purged, because purging what is in use is the outage that no one can undo.
 *
 * A certificate is told by its dates, which are in generalizedTime (RFC 4517, section 3.3.13). More
 * than one may be there while an old one is retired: that the wanted one is among them will do.
 *
 * https://github.com/pingidentity/ldapsdk: unboundidds.monitors.X509CertificateMonitorEntry
 */

#include "reconcilers/pingdirectory/pingdirectory.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MONITOR_MS = 10000, TIME_LENGTH = 14 }; /* YYYYMMDDhhmmss */

static const char monitor[] = "certificate monitor";

static const struct {
	const char *pick, *attribute;
} dates[] = {
	{ "from", "not-valid-before" },
	{ "until", "not-valid-after" },
};
enum { DATE_COUNT = sizeof(dates) / sizeof(*dates) };

static void ask_monitor(struct ping *p)
{
	struct ldap_step search = request_to_own(p->plan, p->settings);
	const char *codes[] = { "0", "32", "50" };
	const char *rows[DATE_COUNT][3];
	struct words picks[DATE_COUNT];
	struct step *step;

	for (size_t i = 0; i < DATE_COUNT; i++) {
		rows[i][0] = dates[i].pick;
		rows[i][1] = dates[i].attribute;
		rows[i][2] = "text";
		picks[i] = (struct words){ .items = rows[i], .count = 3 };
	}
	search.base = "cn=monitor";
	search.scope = "sub";
	search.filter = arena_printf(p->arena,
			"(&(objectClass=ds-x509-certificate-monitor-entry)%s)", p->slot->monitored);
	search.pick = (struct rows){ .items = picks, .count = DATE_COUNT };
	search.success = (struct words){ .items = codes, .count = 3 };
	step = plan_ask_ldap(p->plan, monitor, "see which certificates the server says it uses",
			&search);
	step->deadline_ms = MONITOR_MS;
}

bool monitor_known(struct ping *p)
{
	if (!setting_flag(p->settings, "monitor") || answer(p->seen, monitor))
		return true;
	ask_monitor(p);
	return false;
}

/* Whole seconds of UTC, with or without a fraction behind them: anything else says nothing. */
static bool is_time(const char *text)
{
	return strspn(text, "0123456789") == TIME_LENGTH && text[strlen(text) - 1] == 'Z' &&
			(text[TIME_LENGTH] == 'Z' || text[TIME_LENGTH] == '.');
}

/* The dates that it tells of: one row for each entry, with its name in front. None when it was not
 * asked. */
static struct rows told_dates(const struct ping *p, size_t which)
{
	const struct record *told = answer(p->seen, monitor);

	return told ? record_rows(p->arena, told, dates[which].pick) : (struct rows){ 0 };
}

static bool is_at(const char *text, long long seconds)
{
	const time_t time = (time_t)seconds;
	char expected[TIME_LENGTH + 1];
	struct tm parts;

	return gmtime_r(&time, &parts) &&
			strftime(expected, sizeof(expected), "%Y%m%d%H%M%S", &parts) ==
			TIME_LENGTH &&
			strncmp(text, expected, TIME_LENGTH) == 0;
}

/* Of the same entry. */
static const char *date_of(struct rows rows, const char *entry)
{
	for (size_t i = 0; i < rows.count; i++)
		if (rows.items[i].count > 1 && equal(rows.items[i].items[0], entry) &&
				is_time(rows.items[i].items[1]))
			return rows.items[i].items[1];
	return NULL;
}

bool monitor_objects(const struct ping *p)
{
	const struct rows froms = told_dates(p, 0), untils = told_dates(p, 1);
	bool told = false;

	for (size_t i = 0; i < froms.count; i++) {
		const char *entry = froms.items[i].count > 0 ? froms.items[i].items[0] : "";
		const char *from = date_of(froms, entry), *until = date_of(untils, entry);

		if (!from || !until)
			continue;
		if (is_at(from, p->wanted->not_before) && is_at(until, p->wanted->not_after))
			return false;
		told = true;
	}
	return told;
}
