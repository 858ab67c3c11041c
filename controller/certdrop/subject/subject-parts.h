#pragma once

/* What the files of a subject share. */

#include "controller/certdrop/subject/subject.h"

/* What is told shares a memory, which is renewed with each change. Nobody is told of it here. */
void subject_set_stories(struct subject *subject, struct story intake, struct story outcome,
		struct pending pending);

/* The outcome for as long as no service takes up a change that was cut short. */
struct story unfinished_story(void);

struct deeds no_deeds(void);
void deeds_done(struct deeds *deeds);

void former_done(struct former *former);
