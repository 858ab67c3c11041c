#pragma once

/*
 * One turn of the loop: everything that is ready is handled; handlers write to the journal
 * and register what must wait for it; then the store is flushed, the journal is committed
 * once for all of them, and what was registered is done. So an acknowledgement, a go-ahead
 * for a step, or the taking away of a dropped file never comes before its record is on disk.
 * As long as nobody waits for it a commit is put off for a few milliseconds, in which more
 * may come that can share it. After a commit that failed the journal is told again all that is true
 * of each subject, every few seconds until it takes it.
 *
 *         turn_open(controller)       from then on the loop commits by itself
 *         turn_look(controller)       is the journal still where it was? No wait for a commit to tell
 *         turn_close(controller)      commits what is left; the loop must still run once
 *
 * Who waits says so with controller_after_commit().
 */

struct controller;

void turn_open(struct controller *controller);
void turn_look(struct controller *controller);
void turn_close(struct controller *controller);
