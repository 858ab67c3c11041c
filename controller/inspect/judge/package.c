#include "controller/inspect/judge/package.h"

#include <string.h>
#include <strings.h>

#include "controller/base/printable.h"
#include "controller/inspect/prove/traits.h"

/* One word of the rule: "server.crt:leaf", "sslcrl-file.crl:crl?". */
struct slot {
	const char *name;
	const char *role;
	bool optional;
};

struct opened {
	struct findings *findings;
	struct input *input;
	const struct directory *directory;
};

static struct slot slot_of(const struct opened *package, size_t index)
{
	const char *word = package->findings->package.items[index];
	struct arena *arena = package->findings->arena;
	const size_t name = strcspn(word, ":");
	const char *role = word[name] ? word + name + 1 : "";
	const size_t length = strcspn(role, "?");

	return (struct slot){
		.name = arena_copy_bytes(arena, word, name),
		.role = arena_copy_bytes(arena, role, length),
		.optional = role[length] == '?',
	};
}

static const char *shown(const struct opened *package, const struct entry *entry)
{
	return printable(package->findings->arena, entry->name, entry->name_length);
}

/* ---- names ---- */

static bool is_named(const struct entry *entry, const char *name)
{
	return entry->name_length == strlen(name) &&
			memcmp(entry->name, name, entry->name_length) == 0;
}

/* In some folder, or in other letters. */
static bool is_nearly_named(const struct entry *entry, const char *name)
{
	const size_t length = strlen(name);
	const char *start = entry->name + entry->name_length - length;

	return entry->name_length >= length && strncasecmp(start, name, length) == 0 &&
			(start == entry->name || start[-1] == '/');
}

static const struct entry *find_entry(const struct directory *directory,
		bool (*fits)(const struct entry *, const char *), const char *name)
{
	for (size_t i = 0; i < directory->count; i++)
		if (!directory->entries[i].is_directory && fits(&directory->entries[i], name))
			return &directory->entries[i];
	return NULL;
}

static bool is_package(const struct opened *package)
{
	for (size_t i = 0; i < package->findings->package.count; i++)
		if (find_entry(package->directory, is_nearly_named, slot_of(package, i).name))
			return true;
	return false;
}

static enum verdict lacks(const struct opened *package, const char *name)
{
	const struct entry *near = find_entry(package->directory, is_nearly_named, name);
	const char *says = package->findings->package_says;

	if (!near)
		return conclude(package->findings, package->input, VERDICT_REFUSED,
				"lacks %s; %s have it", name, says);
	if (memchr(near->name, '/', near->name_length))
		return conclude(package->findings, package->input, VERDICT_REFUSED,
				"has %s in a folder; %s have it at the top", shown(package, near),
				says);
	return conclude(package->findings, package->input, VERDICT_REFUSED, "has %s; %s call it %s",
			shown(package, near), says, name);
}

static enum verdict check_slot(const struct opened *package, const struct slot *slot)
{
	const struct entry *entry = find_entry(package->directory, is_named, slot->name);

	if (strcmp(slot->role, "never") == 0)
		return !entry ? VERDICT_SOUND
			      : conclude(package->findings, package->input, VERDICT_REFUSED,
						"has %s, which %s cannot bring: what installs them passes "
						"over it, so install it by hand, and leave it out here",
						slot->name, package->findings->package_says);
	if (!entry)
		return slot->optional &&
						!find_entry(package->directory, is_nearly_named,
								slot->name)
				? VERDICT_SOUND
				: lacks(package, slot->name);
	if (entry->unreadable)
		return conclude(package->findings, package->input, VERDICT_REFUSED,
				"%s is stored with a mode that does not let its owner read it once "
				"it is unpacked",
				slot->name);
	return VERDICT_SOUND;
}

static void remark_strangers(const struct opened *package)
{
	for (size_t i = 0; i < package->directory->count; i++) {
		const struct entry *entry = &package->directory->entries[i];
		bool known = entry->is_directory;

		for (size_t k = 0; k < package->findings->package.count && !known; k++)
			known = is_named(entry, slot_of(package, k).name);
		if (!known)
			findings_remark(package->findings, package->input,
					"%s is no part of %s and is left out",
					shown(package, entry), package->findings->package_says);
	}
}

enum verdict package_names(
		struct findings *findings, struct input *input, const struct directory *directory)
{
	const struct opened package = { findings, input, directory };

	if (!is_package(&package))
		return VERDICT_SOUND;
	for (size_t i = 0; i < findings->package.count; i++) {
		const struct slot slot = slot_of(&package, i);

		if (check_slot(&package, &slot) != VERDICT_SOUND)
			return VERDICT_REFUSED;
	}
	remark_strangers(&package);
	findings->packages |= 1ULL << input->index;
	findings_watch(findings);
	return VERDICT_SOUND;
}

bool package_needs(const struct findings *findings, const struct input *input,
		const struct entry *entry)
{
	const struct opened package = { (struct findings *)(size_t)findings, NULL, NULL };

	if (!(findings->packages & 1ULL << input->index))
		return false;
	for (size_t i = 0; i < findings->package.count; i++) {
		const struct slot slot = slot_of(&package, i);

		if (is_named(entry, slot.name))
			return strcmp(slot.role, "any") != 0;
	}
	return false;
}

/* ---- contents ---- */

/* The first one that fits, in the order of the file. */
static const struct sighting *sighted(const struct opened *package, const char *name,
		bool (*fits)(const struct sighting *))
{
	const char *place = arena_printf(
			package->findings->arena, "%s/%s", package->input->shown, name);
	const struct sighting *first = NULL;

	for (const struct sighting *s = package->findings->sightings; s; s = s->next)
		if (strcmp(s->place, place) == 0 && fits(s))
			first = s;
	return first;
}

static bool is_certificate(const struct sighting *sighting)
{
	return sighting->certificate != NULL;
}

static bool is_no_authority(const struct sighting *sighting)
{
	return sighting->certificate && !sighting->certificate->authority;
}

static bool is_key(const struct sighting *sighting)
{
	return sighting->key != NULL;
}

static bool is_crl(const struct sighting *sighting)
{
	return sighting->crl != NULL;
}

static enum verdict holds_no(
		const struct opened *package, const struct slot *slot, const char *what)
{
	return conclude(package->findings, package->input, VERDICT_REFUSED, "%s holds no %s",
			slot->name, what);
}

/* The slot of the certificate that goes with this key, or of the other side's. */
static bool find_slot(const struct opened *package, const char *role, struct slot *slot)
{
	for (size_t i = 0; i < package->findings->package.count; i++) {
		*slot = slot_of(package, i);
		if (strcmp(slot->role, role) == 0)
			return true;
	}
	return false;
}

static enum verdict check_leaf(const struct opened *package, const struct slot *slot)
{
	const char *usage = strcmp(slot->role, "leaf") == 0 ? "serverAuth" : "clientAuth";
	const struct sighting *leaf = sighted(package, slot->name, is_certificate);
	const struct sighting *server;
	struct traits traits;
	struct error error;
	struct slot other;

	if (!leaf)
		return holds_no(package, slot, "certificate");
	if (!certificate_public_key(leaf->certificate) ||
			!traits_read(package->findings->arena, leaf->certificate, &traits, &error))
		return holds_no(package, slot, "certificate that can be used");
	if (!traits_allow(&traits, usage))
		return conclude(package->findings, package->input, VERDICT_REFUSED,
				"the certificate in %s may not be used for %s", slot->name, usage);
	if (strcmp(slot->role, "leaf") == 0 || !find_slot(package, "leaf", &other))
		return VERDICT_SOUND;
	server = sighted(package, other.name, is_certificate);
	if (server && server->certificate == leaf->certificate)
		return conclude(package->findings, package->input, VERDICT_REFUSED,
				"%s and %s hold the same certificate; clients need one of their "
				"own",
				other.name, slot->name);
	return VERDICT_SOUND;
}

static enum verdict check_key(
		const struct opened *package, const struct slot *slot, const char *leaf_role)
{
	const struct sighting *key = sighted(package, slot->name, is_key);
	const struct sighting *leaf;
	struct slot other;

	if (!key)
		return holds_no(package, slot, "private key");
	if (!find_slot(package, leaf_role, &other))
		return VERDICT_SOUND;
	leaf = sighted(package, other.name, is_certificate);
	if (leaf && EVP_PKEY_eq(key->key->pkey, certificate_public_key(leaf->certificate)) == 1)
		return VERDICT_SOUND;
	return conclude(package->findings, package->input, VERDICT_REFUSED,
			"the key in %s is not the key of the certificate in %s", slot->name,
			other.name);
}

static enum verdict check_authorities(const struct opened *package, const struct slot *slot)
{
	const struct sighting *stranger = sighted(package, slot->name, is_no_authority);

	if (!sighted(package, slot->name, is_certificate))
		return holds_no(package, slot, "certificate");
	if (!stranger)
		return VERDICT_SOUND;
	return conclude(package->findings, package->input, VERDICT_REFUSED,
			"the certificate of %s in %s is no authority (CA:TRUE)",
			stranger->certificate->subject, slot->name);
}

static enum verdict check_role(const struct opened *package, const struct slot *slot)
{
	if (strcmp(slot->role, "leaf") == 0 || strcmp(slot->role, "client-leaf") == 0)
		return check_leaf(package, slot);
	if (strcmp(slot->role, "key") == 0)
		return check_key(package, slot, "leaf");
	if (strcmp(slot->role, "client-key") == 0)
		return check_key(package, slot, "client-leaf");
	if (strcmp(slot->role, "ca") == 0)
		return check_authorities(package, slot);
	if (strcmp(slot->role, "crl") == 0 && !sighted(package, slot->name, is_crl))
		return holds_no(package, slot, "revocation list");
	return VERDICT_SOUND;
}

enum verdict package_contents(
		struct findings *findings, struct input *input, const struct directory *directory)
{
	const struct opened package = { findings, input, directory };

	if (!(findings->packages & 1ULL << input->index))
		return VERDICT_SOUND;
	for (size_t i = 0; i < findings->package.count; i++) {
		const struct slot slot = slot_of(&package, i);

		if (find_entry(directory, is_named, slot.name) &&
				check_role(&package, &slot) != VERDICT_SOUND)
			return VERDICT_REFUSED;
	}
	return VERDICT_SOUND;
}
