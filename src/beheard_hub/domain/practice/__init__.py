"""The second session kind: one person rehearses with an AI partner, and an AI coach comments.

A session is a row of *exchanges*, one at a time. An exchange begins with a message of the
participant and runs through *lanes*, one after the other: the partner answers, then the coach
comments on it. The partner never sees the coach; the coach sees both (`protocol.LANES`). Staff who
invited may watch; they get the participant's stream of events and say nothing in it.

What holds over all of it, proven over random histories (`tests/unit/domain/practice`):

* At most one exchange is under way, whatever the number of sockets, and each lane of it is asked
  once at a time: by one reminder, whose answer is accepted once.
* Every successful call of a model is charged exactly once, in the decision that stores its words,
  or without words where the session ended while it ran.
* The quota is looked at before a message, never within an exchange: more than it allows is used by
  one exchange at most. A message for which nothing is left is refused, and nothing of it stored.
* Each fall of the quota to ``warning`` and to ``exhausted`` is told once.
* A retry asks the lane that failed again; it neither stores the participant's message a second time
  nor charges what was charged.
* After the end nothing is stored or told any more. Every end has a reason, `endedAt` and
  `durationSeconds`, and the time of an end is that of its cause, not that of its being noticed.
* A state holds ids, flags, counts and times; text travels through decisions only.

docs/decisions/0046-practice.md says what is decided.
"""
