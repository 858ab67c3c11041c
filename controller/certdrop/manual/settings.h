#pragma once

/* Settings and rules of products, as lists in the manual page. */

#include "controller/certdrop/manual/page.h"
#include "controller/model/option.h"
#include "controller/model/rule.h"

/* A list of what the table holds, groups with lists of their own. */
void settings_write(struct buffer *page, const struct option *options);

/* A list of what is accepted. */
void rules_describe(struct buffer *page, const struct rule *rules);
