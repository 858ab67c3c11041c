#pragma once

/*
 * What the controller and certdrop-apply say to each other. The socket is the worker's
 * standard input; texts are records (base/message.h). One job at a time, any number of
 * jobs one after the other, until the controller closes the socket.
 *
 * The job; the plan's text follows the first record in the same message:
 *
 *         work ask                          answers the plan's questions
 *         work apply                        carries out the other steps
 *         work finish                       takes up what a crash, or the last try, has left:
 *                                           makes what has to be made, takes the
 *                                           leases, proves again, and finishes
 *                 done 0 1 2                the steps that the journal knows as done
 *                 left MILLISECONDS         of the gap's budget
 *         work undo                         puts back: after a crash, or by order
 *                 begun 0 1 2               the steps that the journal knows as begun
 *                 with DIGEST               one for each descriptor: a credential file to read
 *         plan ...
 *
 * The worker's messages, N being the number of a step in the plan, from 0:
 *
 *         begin N                           about to take a step of change, finish or undo:
 *                                           waits for "go N"
 *         begin N undo                      about to put step N back: waits for "go N"
 *         answer NAME ...                   ask: the fields are the facts (model/step.h), and `took`:
 *                                           after how many milliseconds they were known
 *         done N MILLISECONDS               "done N MILLISECONDS undo" when it was put back
 *         failed N MILLISECONDS KIND "why"  likewise with "undo" at the end
 *         end asked | applied | failed | undone | stuck
 *
 * "end failed": a prepare step failed, nothing was changed; or so did the first change step, or
 * all of the first group, and these are file steps of which it is known that they have changed
 * nothing (job.h), so that there is nothing to undo. "end undone": a later step
 * failed and all that was begun is put back (so is each "work undo" that succeeds). "end
 * stuck": putting back failed as well, or a lease was lost, so that nothing more may be
 * done; what was reached is in the messages before. A
 * failing finish step ends with "failed" too, after its retries: the controller decides
 * whether to go on or to put back. "work finish" ends as "applied" or "failed".
 *
 * An unanswerable question is not a failure of the job: its answer has a field "failed"
 * with the reason and the kind of error. "begin" and "done" are not said of questions. A
 * job that cannot be understood ends at once: "failed 0 0 KIND why", then "end failed", or
 * "end stuck" when it was to undo.
 *
 * Undoing takes the steps from the last one begun to the first: file steps that were begun
 * put back what they replaced, and undo steps that stand before the last one begun are
 * taken. It stops at the first that fails, so that nothing is made to load what is not
 * whole; the same undo can be asked for again. An undo job takes the plan's leases first, without
 * a go-ahead ("done N MILLISECONDS undo"), and takes the undo steps even where the file steps find
 * nothing to put back: what was cut short may have been seen in between. Only a failing command does not stop it (a
 * reload that was refused may be refused again): it ends as "undone" if a probe after it
 * sees what was there before, else as "stuck".
 *
 * In finish and undo what fails with "retry" is tried three times before it has failed, and
 * finish steps that touch another site until the gap's budget is used up, so such steps
 * must bear repetition.
 *
 * The controller's messages within a job:
 *
 *         go N                                the intent is in the journal: take the step
 *
 * Until that comes the worker may do what nobody sees: write the new generation where nothing
 * reads it yet. If that fails the step fails, once it has its go-ahead.
 *
 * Steps of prepare and prove need no go-ahead: they change nothing. Of a together group all
 * "begin" are said first, the go-aheads may come in any order, and the outcomes are told
 * when all of the group have ended. Messages that belong together ("done 3", "begin 4")
 * are sent without a pause, so that the controller can commit them together.
 */
