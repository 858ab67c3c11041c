#include "controller/inspect/inspect.h"

#include <openssl/err.h>
#include <string.h>

#include "controller/inspect/compose.h"
#include "controller/inspect/judge/alone.h"
#include "controller/inspect/judge/judge.h"
#include "controller/inspect/judge/law.h"
#include "controller/inspect/judge/leftout.h"
#include "controller/inspect/judge/lonely.h"
#include "controller/inspect/origin.h"
#include "controller/inspect/prove/pair.h"
#include "controller/inspect/prove/role.h"
#include "controller/inspect/request.h"

/* One request on its way to a reply. */
struct inspection {
	struct request request;
	struct pairs pairs;
	struct records credentials, missing, refused; /* of the reply */
	struct inspect_reply *reply;
};

void inspect_reply_done(struct inspect_reply *reply)
{
	buffer_done(&reply->text);
	for (size_t i = 0; i < reply->fd_count; i++)
		owned_close(&reply->fds[i]);
	*reply = (struct inspect_reply){ 0 };
}

static void inspection_done(struct inspection *inspection)
{
	request_done(&inspection->request);
}

static struct arena *arena_of(struct inspection *inspection)
{
	return inspection->request.findings.arena;
}

/* Those with a key come first: that is the order in which they are taken away. */
static void add_inputs(
		struct inspection *inspection, struct record *record, unsigned long long files)
{
	const struct request *request = &inspection->request;
	const unsigned long long with_key = files_with_keys(&request->findings);

	for (size_t i = 0; i < request->input_count; i++)
		if (files & with_key & 1ULL << i)
			record_add_text(arena_of(inspection), record, "input",
					request->inputs[i].name);
	for (size_t i = 0; i < request->input_count; i++)
		if (files & ~with_key & 1ULL << i)
			record_add_text(arena_of(inspection), record, "input",
					request->inputs[i].name);
}

static void tell(struct inspection *inspection, struct records *records, const char *word,
		const char *sentence, unsigned long long files)
{
	struct record *record = record_new(arena_of(inspection), word, sentence, NULL);

	add_inputs(inspection, record, files);
	records_append(arena_of(inspection), records, record);
}

/* ---- credentials ---- */

static bool hand_over(struct inspection *inspection, const struct secret *text, struct error *error)
{
	struct inspect_reply *reply = inspection->reply;

	if (!memfd_of("credential", text->bytes, text->length, &reply->fds[reply->fd_count], error))
		return false;
	reply->fd_count++;
	return true;
}

static void warn_of_leftouts(struct inspection *inspection, const struct candidate *candidate,
		unsigned long long files, struct rows *warnings)
{
	const struct leftout *leftout = leftout_find(arena_of(inspection), candidate, files);

	for (; leftout; leftout = leftout->next)
		rows_add(arena_of(inspection), warnings, leftout->sentence);
}

static void add_remarks(
		struct inspection *inspection, unsigned long long files, struct rows *warnings)
{
	const struct remark *remark = inspection->request.findings.remarks;

	for (; remark; remark = remark->next)
		if (remark->file & files)
			rows_add(arena_of(inspection), warnings, remark->text);
}

static bool add_credential(struct inspection *inspection, const struct candidate *candidate,
		const struct verdicts *verdicts, struct error *error)
{
	const struct records *rules = &inspection->request.records;
	struct composition composition = {
		.with_root = rules_want_root(rules),
		.whole = rules_want_whole_chain(rules),
		.with_authorities = rules_want_part(rules, "ca") || rules_want_bundle(rules),
		.with_crls = rules_want_part(rules, "crl"),
		.bundle = rules_want_bundle(rules),
		.warnings = verdicts->warnings,
	};
	const unsigned long long files = files_of_candidate(candidate, &composition);
	autodone(secret) struct secret text = { 0 };
	struct credential facts;
	struct record *record;

	if (!composition.with_authorities)
		warn_of_leftouts(inspection, candidate, files, &composition.warnings);
	add_remarks(inspection, files, &composition.warnings);
	if (!compose(arena_of(inspection), candidate, &composition, &facts, &text, error)) {
		if (error->kind != ERROR_INPUT)
			return false;
		tell(inspection, &inspection->refused, "refused", error->text, files);
		return true;
	}
	if (!hand_over(inspection, &text, error))
		return false;
	record = credential_record(arena_of(inspection), &facts);
	add_inputs(inspection, record, files);
	records_append(arena_of(inspection), &inspection->credentials, record);
	return true;
}

/* What is not in a package will not come any more. */
static void tell_missing(struct inspection *inspection, const struct candidate *candidate,
		const char *sentence)
{
	const unsigned long long files = files_of_pair(candidate->server);

	if (candidate->drop->packages & candidate->within)
		tell(inspection, &inspection->refused, "refused",
				arena_printf(arena_of(inspection), "it lacks %s", sentence), files);
	else
		tell(inspection, &inspection->missing, "missing", sentence, files);
}

/* Each of two says the same of both. */
static void tell_doubt(
		struct inspection *inspection, const struct pair *pair, const struct pair *other)
{
	const char *sentence = role_sentence(arena_of(inspection), pair, other);

	if (!records_find(&inspection->refused, "refused", sentence))
		tell(inspection, &inspection->refused, "refused", sentence,
				files_of_pair(pair) | files_of_pair(other));
}

/* What lacks its client pair although there is one that may be it lacks nothing. */
static void tell_lacking(struct inspection *inspection, const struct candidate *candidate,
		const char *sentence)
{
	const struct records *rules = &inspection->request.records;
	const struct pairs *pairs = &inspection->pairs;
	const struct pair *other = NULL;

	if (!candidate->client &&
			(rules_need_part(rules, "client-leaf") ||
					rules_need_part(rules, "client-key")))
		other = role_doubt(pairs, (size_t)(candidate->server - pairs->items),
				candidate->within);
	if (other)
		tell_doubt(inspection, candidate->server, other);
	else
		tell_missing(inspection, candidate, sentence);
}

static bool judge_candidate(struct inspection *inspection, const struct candidate *candidate,
		struct error *error)
{
	struct verdicts verdicts = { 0 };

	switch (judge(arena_of(inspection), &inspection->request.records, candidate, &verdicts)) {
	case JUDGED_GOOD:
		return add_credential(inspection, candidate, &verdicts, error);
	case JUDGED_MISSING:
		tell_lacking(inspection, candidate, verdicts.sentence);
		break;
	case JUDGED_REFUSED:
		tell(inspection, &inspection->refused, "refused", verdicts.sentence,
				files_of_pair(candidate->server));
		break;
	}
	return true;
}

static const struct pair *best_client(const struct pairs *pairs, unsigned long long within)
{
	for (size_t i = 0; i < pairs->count; i++)
		if (pairs->items[i].is_client && !pairs->items[i].wrong &&
				pair_lies_within(&pairs->items[i], within))
			return &pairs->items[i];
	return NULL;
}

/* A package is complete in itself, and what is not in one is not completed from one. */
static unsigned long long files_around(const struct findings *findings, const struct pair *pair)
{
	for (unsigned i = 0; i < INSPECT_FILES_MAX; i++)
		if (findings->packages & 1ULL << i && pair_lies_within(pair, 1ULL << i))
			return 1ULL << i;
	return ~findings->packages;
}

static bool judge_pairs(struct inspection *inspection, struct error *error)
{
	const struct pairs *pairs = &inspection->pairs;
	const struct findings *drop = &inspection->request.findings;

	for (size_t i = 0; i < pairs->count; i++) {
		const unsigned long long within = files_around(drop, &pairs->items[i]);
		const struct candidate candidate = {
			.server = &pairs->items[i],
			.client = best_client(pairs, within),
			.drop = drop,
			.within = within,
			.has_authorities = inspection->request.has_authorities,
		};

		if (pairs->items[i].wrong)
			tell(inspection, &inspection->refused, "refused", pairs->items[i].wrong,
					files_of_pair(&pairs->items[i]));
		else if (!pairs->items[i].is_client &&
				inspection->reply->fd_count < INSPECT_CREDENTIALS_MAX &&
				!judge_candidate(inspection, &candidate, error))
			return false;
	}
	return true;
}

/* ---- without a key ---- */

/* All of them are one credential, so one that is not good spoils it. */
static bool judge_bundle(struct inspection *inspection, struct error *error)
{
	const struct pairs *pairs = &inspection->pairs;
	struct verdicts verdicts = { 0 };
	struct candidate candidate = {
		.drop = &inspection->request.findings,
		.within = ~0ULL,
		.has_authorities = inspection->request.has_authorities,
	};

	for (size_t i = pairs->count; i-- > 0;) {
		const struct pair *pair = &pairs->items[i];
		enum judgement judgement = JUDGED_REFUSED;

		candidate.server = pair;
		if (pair->wrong)
			verdicts.sentence = pair->wrong;
		else
			judgement = judge(arena_of(inspection), &inspection->request.records,
					&candidate, &verdicts);
		if (judgement == JUDGED_GOOD)
			continue;
		if (judgement == JUDGED_MISSING)
			tell_missing(inspection, &candidate, verdicts.sentence);
		else
			tell(inspection, &inspection->refused, "refused", verdicts.sentence,
					files_of_pair(pair));
		return true;
	}
	return pairs->count == 0 || add_credential(inspection, &candidate, &verdicts, error);
}

static bool judge_alone(struct inspection *inspection, const struct pair_search *search,
		const struct law *law, struct error *error)
{
	const bool bundle = rules_want_bundle(&inspection->request.records);
	const struct objection *objection = alone_object(search->drop, law, bundle);

	for (; objection; objection = objection->next)
		tell(inspection, &inspection->refused, "refused", objection->sentence,
				objection->files);
	if (inspection->refused.count > 0)
		return true;
	pairs_find_alone(search, bundle, &inspection->pairs);
	return bundle ? judge_bundle(inspection, error) : judge_pairs(inspection, error);
}

/* ---- the reply ---- */

static const char *state_name(enum verdict verdict)
{
	static const char *const names[] = {
		[VERDICT_SOUND] = "sound",
		[VERDICT_INCOMPLETE] = "incomplete",
		[VERDICT_REFUSED] = "refused",
		[VERDICT_IGNORED] = "ignored",
	};

	return names[verdict];
}

static void write_reply(struct inspection *inspection)
{
	const struct request *request = &inspection->request;
	struct buffer *text = &inspection->reply->text;

	for (size_t i = 0; i < request->input_count; i++) {
		const struct input *input = &request->inputs[i];

		record_print(record_new(arena_of(inspection), "file", input->name,
					     state_name(input->verdict),
					     input->verdict == VERDICT_SOUND ? "" : input->sentence,
					     NULL),
				text);
	}
	records_print(&inspection->credentials, text);
	records_print(&inspection->missing, text);
	records_print(&inspection->refused, text);
}

static void tell_lonely(struct inspection *inspection)
{
	const struct lonely *lonely = lonely_find(&inspection->request.findings);

	for (; lonely; lonely = lonely->next)
		tell(inspection, &inspection->missing, "missing", lonely->sentence, lonely->files);
}

static bool find_pairs(struct inspection *inspection, struct error *error)
{
	struct request *request = &inspection->request;
	const struct records *rules = &request->records;
	struct pair_search search = {
		.drop = &request->findings,
		.authorities = request->has_authorities ? &request->authorities : NULL,
		.to_root = rules_want_root(rules),
		.with_clients = rules_want_part(rules, "client-leaf") ||
				rules_want_part(rules, "client-key"),
	};
	struct law law;

	if (rules_want_no_key(rules, &law))
		return judge_alone(inspection, &search, &law, error);
	rules_names(rules, &search.names);
	pairs_find(&search, &inspection->pairs);
	if (!judge_pairs(inspection, error))
		return false;
	tell_lonely(inspection);
	return true;
}

bool inspect_request(
		const struct message *request, struct inspect_reply *reply, struct error *error)
{
	autodone(inspection) struct inspection inspection = { .reply = reply };
	bool good;

	*reply = (struct inspect_reply){ 0 };
	good = request_read(request, &inspection.request, error) && find_pairs(&inspection, error);
	if (good)
		write_reply(&inspection);
	else
		inspect_reply_done(reply);
	ERR_clear_error();
	return good;
}
