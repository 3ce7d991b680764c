-- The library: small experiments for two, written for this hub (spec 03.5). Each is reversible, has a
-- time ("Try it for ...;") and a measure ("It has helped if ..."); suggestions read both from the text.
-- Ids are stable: a corrected text comes as an UPDATE in a later migration.

INSERT INTO public."GlobalLibraryItem" (id, category, title, description, source, "isActive")
SELECT item.id, item.category, item.title, item.description, 'CURATED'::public."GlobalLibrarySource", true
FROM (
    VALUES
    (
        'lib-communication-01', 'communication', 'Ten minutes each',
        'Set a timer for ten minutes. One speaks about their day, the other only listens and at the end says back the main point. Then change over. Try it for one week, every evening that you are both at home; either of you may stop it at any time. It has helped if both of you can name one thing that you would not have learned otherwise.'
    ),
    (
        'lib-communication-02', 'communication', 'One topic per talk',
        'Before a difficult talk, write the one topic on a piece of paper and lay it between you. What else comes up goes on a second sheet for another day. Try it for the next three difficult talks; either of you may stop it at any time. It has helped if at least two of the three ended with the topic that they began with.'
    ),
    (
        'lib-communication-03', 'communication', 'The question first',
        'When something annoys you, begin with a real question instead of a remark, and wait for the whole answer. Try it for five days; either of you may stop it at any time. It has helped if each of you counted at least three questions and got one answer that surprised you.'
    ),
    (
        'lib-communication-04', 'communication', 'A word for stop',
        'Agree on one neutral word that means: I need ten minutes, and I will come back. Whoever says it also says when the talk goes on. Try it for two weeks; either of you may stop it at any time. It has helped if the word was used at least once and the talk was taken up again as promised.'
    ),
    (
        'lib-communication-05', 'communication', 'Sunday look-ahead',
        'Sit down for fifteen minutes with both calendars and go through the week: who is where, what is heavy, who needs what. Try it for three Sundays; either of you may stop it at any time. It has helped if each week had at least one surprise fewer than usual by your own count.'
    ),
    (
        'lib-communication-06', 'communication', 'Letters on the table',
        'Each writes half a page about one thing that is hard to say, beginning with I, and leaves it on the table. The other answers in writing by the next evening. Try it for one exchange; either of you may stop it at any time. It has helped if both of you read the other''s page twice and found one sentence that you understand better.'
    ),
    (
        'lib-communication-07', 'communication', 'Say it in one minute',
        'Bring up a small irritation within a day and in at most one minute, then let it be. The other only says thank you. Try it for one week; either of you may stop it at any time. It has helped if fewer old things came up in other talks, as both of you judge it on the last evening.'
    ),
    (
        'lib-quality-time-01', 'quality-time', 'Phones in the basket',
        'Both phones go into a basket in another room from the start of dinner until the table is cleared. Try it for five dinners; either of you may stop it at any time. It has helped if at four of the five dinners the phones stayed there.'
    ),
    (
        'lib-quality-time-02', 'quality-time', 'A walk without plans',
        'Walk for half an hour together without talking about tasks, children or money. Try it for two weeks, twice a week; either of you may stop it at any time. It has helped if each of you rates how close you felt from 1 to 10 afterwards, and the last number is not lower than the first.'
    ),
    (
        'lib-quality-time-03', 'quality-time', 'The old favourite',
        'Do one thing together that you both used to enjoy and have not done for a year; the one who did not suggest it chooses the day. Try it for one evening or afternoon; either of you may stop it at any time. It has helped if both of you would do it again.'
    ),
    (
        'lib-quality-time-04', 'quality-time', 'First ten minutes',
        'When the second of you comes home, the first ten minutes belong to the two of you, before bags, messages and chores. Try it for one week; either of you may stop it at any time. It has helped if it happened on at least four days, and both of you would keep it.'
    ),
    (
        'lib-quality-time-05', 'quality-time', 'A call that wants nothing',
        'Once a week one of you calls the other for no reason at all, for at most fifteen minutes; you take turns. Try it for four weeks; either of you may stop it at any time. It has helped if all four calls took place, two from each side.'
    ),
    (
        'lib-quality-time-06', 'quality-time', 'Coffee before the day',
        'Have one coffee or tea together in the morning, sitting down, ten minutes, without screens. Try it for five mornings; either of you may stop it at any time. It has helped if you managed three of the five and each can name one moment that was good.'
    ),
    (
        'lib-quality-time-07', 'quality-time', 'Your turn, my turn',
        'One of you plans two hours together and the other simply comes along; the next time it is the other way round. Try it for two outings within a month; either of you may stop it at any time. It has helped if each of you planned one and enjoyed the one that the other had planned.'
    ),
    (
        'lib-conflict-01', 'conflict-resolution', 'Pause at seven',
        'If one of you would put the heat at seven or more out of ten, you part for twenty minutes and come back at an agreed time. Try it for two weeks; either of you may stop it at any time. It has helped if every pause that was taken ended with coming back on time.'
    ),
    (
        'lib-conflict-02', 'conflict-resolution', 'Say it back first',
        'In a disagreement, nobody answers before having said back what they heard and got a yes. Try it for the next two disagreements; either of you may stop it at any time. It has helped if both of you got at least one yes in each of them.'
    ),
    (
        'lib-conflict-03', 'conflict-resolution', 'The smaller half',
        'Cut the question that you argue about in two and decide only the smaller half. The rest gets a date. Try it for one decision; either of you may stop it at any time. It has helped if the smaller half was decided and both of you still stand by it a week later.'
    ),
    (
        'lib-conflict-04', 'conflict-resolution', 'Two columns',
        'Write two columns: what matters to me, what matters to you. Each fills in the other''s column first and lets it be corrected. Try it for one hour on one evening; either of you may stop it at any time. It has helped if each of you added or corrected at least one line and both columns were called right.'
    ),
    (
        'lib-conflict-05', 'conflict-resolution', 'Toss for a trial',
        'Where two ways are both bearable, toss a coin, try the winner''s way and then the other way for as long. Try it for two weeks, one for each way; either of you may stop it at any time. It has helped if at the end you can say together which way cost less strength.'
    ),
    (
        'lib-conflict-06', 'conflict-resolution', 'Not after ten',
        'No difficult subject is opened after ten at night; it is noted on a card and gets a time on the next day. Try it for ten days; either of you may stop it at any time. It has helped if every card got its talk within a day and you both slept no worse than before.'
    ),
    (
        'lib-conflict-07', 'conflict-resolution', 'Ask for the reason',
        'Before you refuse something, ask what it is needed for, and name one other way in which it could be had. Try it for one week; either of you may stop it at any time. It has helped if at least one wish found another way that both of you could accept.'
    ),
    (
        'lib-appreciation-01', 'appreciation', 'One sentence a day',
        'Tell the other one concrete thing that you noticed and were glad of: what it was and when. Try it for seven days; either of you may stop it at any time. It has helped if each of you heard at least five sentences and remembers two.'
    ),
    (
        'lib-appreciation-02', 'appreciation', 'The note',
        'Leave a handwritten note of two lines somewhere unexpected: what you saw the other do, and what it meant to you. Try it for two weeks, one note a week each; either of you may stop it at any time. It has helped if all four notes were found, and both of you kept at least one.'
    ),
    (
        'lib-appreciation-03', 'appreciation', 'Thank the ordinary',
        'Say thank you for something that is always done anyway, and name the effort in it. Try it for five days; either of you may stop it at any time. It has helped if both of you can name one effort of the other that you had not seen before.'
    ),
    (
        'lib-appreciation-04', 'appreciation', 'Show me your day',
        'Spend half an hour beside the other while they do their usual work at home, without taking over, and ask about it. Try it for one time each within a week; either of you may stop it at any time. It has helped if each of you can list three steps of the other''s work that you did not know.'
    ),
    (
        'lib-appreciation-05', 'appreciation', 'Credit aloud',
        'Mention in front of a third person something that the other has done well, while they can hear it. Try it for one week, once each; either of you may stop it at any time. It has helped if both of you noticed it and it felt true.'
    ),
    (
        'lib-appreciation-06', 'appreciation', 'The jar',
        'Put a slip of paper in a jar whenever the other made something easier for you; read them aloud together at the end. Try it for ten days; either of you may stop it at any time. It has helped if there are at least six slips, and some from each of you.'
    ),
    (
        'lib-household-01', 'household', 'Swap one task',
        'Each of you takes over one task that the other usually does, whole, from noticing it to putting things away. Try it for one week; either of you may stop it at any time. It has helped if both tasks were done without a reminder on most days.'
    ),
    (
        'lib-household-02', 'household', 'The list of the unseen',
        'Each writes down for three days everything that they do or think of for the household; then you lay the lists side by side without comment for five minutes. Try it for three days and one evening; either of you may stop it at any time. It has helped if you agree on one item that changes hands for the following week.'
    ),
    (
        'lib-household-03', 'household', 'Twenty minutes together',
        'Set a timer in the evening and tidy at the same time, with music, until it rings; then both stop. Try it for five evenings; either of you may stop it at any time. It has helped if it was done on four evenings and neither of you worked on alone afterwards.'
    ),
    (
        'lib-household-04', 'household', 'Done is done',
        'Whoever does a task does it in their own way, and the other makes no remark; what matters to both is written down beforehand in two lines. Try it for one week; either of you may stop it at any time. It has helped if there was no correction on at least five days.'
    ),
    (
        'lib-household-05', 'household', 'A money half hour',
        'Look at income, bills and wishes together for thirty minutes with a fixed end, and agree on one sum above which you ask each other first. Try it for one month, one half hour a week; either of you may stop it at any time. It has helped if nobody was surprised by an expense above that sum.'
    ),
    (
        'lib-household-06', 'household', 'One evening off',
        'Each of you has one evening on which the other takes care of everything at home, and nothing is asked. Try it for two weeks, one evening a week each; either of you may stop it at any time. It has helped if all evenings off took place and both of you felt rested the day after.'
    ),
    (
        'lib-household-07', 'household', 'Who takes what of the care',
        'Write every visit, call and errand for the person you look after on one page and put a name to each; one item goes to the one who has fewer. Try it for two weeks; either of you may stop it at any time. It has helped if every item had a name and the one with more items had at least two free hours more.'
    ),
    (
        'lib-space-01', 'space-and-autonomy', 'Two hours of one''s own',
        'Each of you has two hours in the week that are free of questions and messages; you fix them together beforehand. Try it for two weeks; either of you may stop it at any time. It has helped if both of you took your hours and came back in a better mood by your own account.'
    ),
    (
        'lib-space-02', 'space-and-autonomy', 'Ask before deciding',
        'Whatever touches the other''s time or more than an agreed sum is asked about before it is decided; an answer comes within a day. Try it for two weeks; either of you may stop it at any time. It has helped if neither of you was told of a decision only afterwards.'
    ),
    (
        'lib-space-03', 'space-and-autonomy', 'A no without reasons',
        'Each of you may say no to one thing without explaining it, and the other answers: all right. Try it for one week; either of you may stop it at any time. It has helped if both of you used it or knew that you could, and nothing was held against anybody.'
    ),
    (
        'lib-space-04', 'space-and-autonomy', 'Quiet corner',
        'Choose a place at home where one is not spoken to; whoever sits there comes out by themselves. Try it for ten days; either of you may stop it at any time. It has helped if the place was respected each time, and both of you would keep it.'
    ),
    (
        'lib-space-05', 'space-and-autonomy', 'My own project',
        'Each names one small thing that is theirs alone, and for its time the other asks nothing and offers no advice. Try it for three weeks, one hour a week; either of you may stop it at any time. It has helped if each of you spent at least two of the three hours on it.'
    ),
    (
        'lib-space-06', 'space-and-autonomy', 'Answer by evening',
        'Messages during the day need no answer before six in the evening unless they begin with an agreed word for urgent. Try it for five working days; either of you may stop it at any time. It has helped if the word was used only when it was meant, and both of you felt less chased.'
    ),
    (
        'lib-repair-01', 'repair-after-argument', 'The day-after talk',
        'On the day after an argument, each has five minutes: what I felt, what I missed, what I would do differently. Nobody answers; you only say thank you. Try it for the next two arguments; either of you may stop it at any time. It has helped if both talks took place within a day and each of you heard one thing that was new.'
    ),
    (
        'lib-repair-02', 'repair-after-argument', 'A small sign',
        'Agree on a sign that means: I am still angry, and I am still with you, such as a cup of tea set down beside the other. Try it for three weeks; either of you may stop it at any time. It has helped if the sign was given at least once and understood.'
    ),
    (
        'lib-repair-03', 'repair-after-argument', 'Own one part',
        'After a quarrel, each names one sentence or deed of their own that they regret, without a but. Try it for the next two quarrels; either of you may stop it at any time. It has helped if each of you named one part both times, and neither used it against the other afterwards.'
    ),
    (
        'lib-repair-04', 'repair-after-argument', 'Try that again',
        'Either of you may say: may I try that again, and repeat the last sentence in another way; the other forgets the first version. Try it for one week; either of you may stop it at any time. It has helped if it was used by each of you at least once.'
    ),
    (
        'lib-repair-05', 'repair-after-argument', 'Twenty minutes apart, then a walk',
        'When a quarrel gets stuck, each goes elsewhere for twenty minutes, and after that you walk round the block together, in silence if need be. Try it for two weeks; either of you may stop it at any time. It has helped if you came back together each time, and at least one walk ended more calmly than it began.'
    ),
    (
        'lib-repair-06', 'repair-after-argument', 'What helps me afterwards',
        'Each writes three things that help after an argument and three that don''t, and you exchange the lists. Try it for one evening, then two weeks of using them; either of you may stop it at any time. It has helped if after the next argument each of you did one thing from the other''s list.'
    ),
    (
        'lib-repair-07', 'repair-after-argument', 'Closing words',
        'End each difficult talk with one sentence each: what I take with me. Then change the room. Try it for the next three talks; either of you may stop it at any time. It has helped if all three talks had their closing words and nobody reopened the subject on the same evening.'
    )
) AS item (id, category, title, description)
ON CONFLICT (id) DO NOTHING;
