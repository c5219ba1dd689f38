//! The model against transcripts: what a server replies to commands, one after the other.

use super::*;
use crate::rng::Stream;

const NOW: Asker = Asker { now: (1_000_000, 1_000_000), conn: 1, watches_elsewhere: false };

fn words(text: &str) -> Vec<&str> {
    text.split(' ').collect()
}

/// A reply from its first letter: `:1`, `+OK`, `-ERR`, `_`, `$text`, `#` and a list of one number, `*` and a list of texts.
fn reply(text: &str) -> Reply {
    let rest = &text[1..];
    match &text[..1] {
        ":" => Reply::Int(rest.parse().expect("a number")),
        "+" => Reply::Status(rest.to_owned()),
        "-" => Reply::Error(format!("{rest} and more")),
        "_" => Reply::Nil,
        "#" => Reply::List(vec![Reply::Int(rest.parse().expect("a number"))]),
        "$" => Reply::text(rest.as_bytes()),
        _ => {
            let items = rest.split(' ').filter(|item| !item.is_empty());
            Reply::List(items.map(element).collect())
        }
    }
}

/// An element of a list.
fn element(item: &str) -> Reply {
    if item == "_" { Reply::Nil } else { Reply::text(item.as_bytes()) }
}

/// Puts commands to an empty cell; each must be answered as written and in no other way.
fn transcript(lines: &[(&str, &str)]) -> State {
    let mut state = State::default();
    for (command, told) in lines {
        let after =
            |told: &Reply| step(state.clone(), &words(command), NOW, Some(told)).expect("it is known");
        let wrong = after(&Reply::Status("WRONG".to_owned()));
        assert!(wrong.is_empty(), "{command} is not answered with anything");
        let right = after(&reply(told));
        assert_eq!(right.len(), 1, "{command} of {state} is not answered with {told}");
        state = right.into_iter().next().expect("there is one");
    }
    state
}

#[test]
fn strings_are_written_cut_and_read() {
    transcript(&[
        ("SET k a NX", "+OK"),
        ("SET k b NX", "_"),
        ("SET k b XX GET", "$a"),
        ("APPEND k cd", ":3"),
        ("SETRANGE k 1 XY", ":3"),
        ("GETRANGE k -2 -1", "$XY"),
        ("GETRANGE k 5 9", "$"),
        ("STRLEN k", ":3"),
        ("GETSET k z", "$bXY"),
        ("SETNX k y", ":0"),
        ("LPUSH k x", "-WRONGTYPE"),
        ("GETDEL k", "$z"),
        ("GET k", "_"),
        ("MSET {t}a 1 {t}b 2", "+OK"),
        ("MSETNX {t}b 1 {t}c 2", ":0"),
        ("MGET {t}a {t}b {t}c", "*1 2 _"),
    ]);
}

#[test]
fn counters_count_and_refuse_what_is_no_number() {
    transcript(&[
        ("INCR n", ":1"),
        ("DECRBY n 5", ":-4"),
        ("INCRBY n 10", ":6"),
        ("INCRBY n x", "-ERR"),
        ("SET n 9223372036854775807", "+OK"),
        ("INCR n", "-ERR"),
        ("GET n", "$9223372036854775807"),
        ("SET n text", "+OK"),
        ("DECR n", "-ERR"),
    ]);
}

#[test]
fn keys_are_copied_renamed_and_deleted_whatever_they_hold() {
    transcript(&[
        ("RPUSH {t}a x", ":1"),
        ("TYPE {t}a", "+list"),
        ("COPY {t}a {t}b", ":1"),
        ("COPY {t}a {t}b", ":0"),
        ("COPY {t}a {t}a", "-ERR"),
        ("RENAME {t}a {t}c", "+OK"),
        ("RENAME {t}a {t}c", "-ERR"),
        ("EXISTS {t}a {t}b {t}b {t}c", ":3"),
        ("DEL {t}a {t}b {t}c", ":2"),
        ("TYPE {t}b", "+none"),
    ]);
}

#[test]
fn keys_of_one_name_are_others_in_other_databases() {
    let state = transcript(&[
        ("SET k a", "+OK"),
        ("SELECT 2", "+OK"),
        ("GET k", "_"),
        ("RPUSH k x", ":1"),
        ("MOVE k 0", ":0"),
        ("MOVE k 2", "-ERR"),
        ("MOVE k 1", ":1"),
        ("EXISTS k", ":0"),
        ("SELECT 0", "+OK"),
        ("GET k", "$a"),
        ("COPY k k DB 1", ":0"),
        ("COPY k k DB 0", "-ERR"),
        ("COPY k k DB 1 REPLACE", ":1"),
        ("SELECT 1", "+OK"),
        ("APPEND k b", ":2"),
    ]);
    assert_eq!(state.to_string(), "k = \"a\", k in database 1 = \"ab\"");
    let unknown = Reply::Error("ERR DB index is out of range".to_owned());
    let after = step(state.clone(), &words("MOVE k 99"), NOW, Some(&unknown));
    assert_eq!(after, Some(Cells::from([state])), "a cell does not know how many there are");
}

#[test]
fn who_waits_in_a_database_is_served_by_a_push_there() {
    let waits = begin(&State::default().selecting(1), 7, &words("BLPOP q 1"), NOW.now);
    let state = waits.and_then(|after| after.into_iter().next()).expect("it waits");
    let pushed = |database| {
        let state = state.clone().selecting(database);
        call(state, &[words("RPUSH q a")], NOW, Some(&[Reply::Int(1)]))
            .expect("it is known")
            .into_iter()
            .next()
    };
    let element = Reply::List(vec![reply("$q"), reply("$a")]);
    let is_told = |state: Option<State>, told| !end(&state.expect("it is pushed"), 7, Some(told)).is_empty();
    assert!(is_told(pushed(1), &element) && !is_told(pushed(1), &Reply::Nil));
    assert!(is_told(pushed(0), &Reply::Nil) && !is_told(pushed(0), &element));
}

#[test]
fn a_watch_is_of_a_key_in_its_database() {
    let watched = transcript(&[("SELECT 1", "+OK"), ("SET n 5", "+OK"), ("WATCH n", "+OK")]);
    let after = |database, command: &str| {
        let after = step(watched.clone().selecting(database), &words(command), over(2), None);
        let after = after.expect("it is known").into_iter().next().expect("there is one").selecting(1);
        may_be_told(&after, Reply::Nil)
    };
    assert!(after(1, "DEL n") && after(1, "MOVE n 0"));
    assert!(!after(0, "SET n 7"), "it is another key");
}

#[test]
fn lists_are_pushed_popped_moved_and_trimmed() {
    transcript(&[
        ("RPUSH {t}a b c", ":2"),
        ("LPUSH {t}a a", ":3"),
        ("LRANGE {t}a 0 -1", "*a b c"),
        ("LSET {t}a 3 x", "-ERR"),
        ("LSET {t}a -1 d", "+OK"),
        ("LMOVE {t}a {t}b LEFT RIGHT", "$a"),
        ("LPOP {t}a 5", "*b d"),
        ("LPOP {t}a", "_"),
        ("LLEN {t}a", ":0"),
        ("RPUSH {t}b a z a", ":4"),
        ("LREM {t}b -2 a", ":2"),
        ("LRANGE {t}b 0 9", "*a z"),
        ("LTRIM {t}b 1 1", "+OK"),
        ("LINDEX {t}b 0", "$z"),
        ("RPOP {t}b", "$z"),
        ("TYPE {t}b", "+none"),
    ]);
}

#[test]
fn hashes_and_sets_do_not_keep_an_order() {
    transcript(&[
        ("HSET h a 1 b 2", ":2"),
        ("HSET h a 3", ":0"),
        ("HGETALL h", "*b 2 a 3"),
        ("HKEYS h", "*b a"),
        ("HINCRBY h b 5", ":7"),
        ("HMGET h a x", "*3 _"),
        ("HSETNX h a 9", ":0"),
        ("HDEL h a x", ":1"),
        ("HLEN h", ":1"),
        ("SADD {t}a x y z", ":3"),
        ("SADD {t}a x", ":0"),
        ("SPOP {t}a", "$y"),
        ("SMEMBERS {t}a", "*z x"),
        ("SMOVE {t}a {t}b x", ":1"),
        ("SUNION {t}a {t}b", "*x z"),
        ("SINTER {t}a {t}b", "*"),
        ("SREM {t}a z", ":1"),
        ("SCARD {t}a", ":0"),
    ]);
}

#[test]
fn sorted_sets_are_ordered_by_score_and_then_by_name() {
    transcript(&[
        ("ZADD z 2 b 1 c 2 a", ":3"),
        ("ZRANGE z 0 -1 WITHSCORES", "*c 1 a 2 b 2"),
        ("ZADD z 5 c", ":0"),
        ("ZRANK z c", ":2"),
        ("ZINCRBY z -4 c", "$1"),
        ("ZSCORE z x", "_"),
        ("ZPOPMIN z", "*c 1"),
        ("ZPOPMAX z", "*b 2"),
        ("ZCOUNT z 0 9", ":1"),
        ("ZREM z a", ":1"),
        ("ZCARD z", ":0"),
    ]);
}

#[test]
fn a_pop_takes_what_is_there() {
    let state = transcript(&[("SADD s a", ":1")]);
    let popped =
        |told: &str| step(state.clone(), &words("SPOP s"), NOW, Some(&reply(told))).expect("it is known");
    assert!(popped("$b").is_empty(), "nobody put it there");
    assert_eq!(popped("$a").len(), 1);
    assert_eq!(step(state.clone(), &words("SPOP s"), NOW, None), None, "nobody knows what it took");
}

#[test]
fn a_key_is_there_until_its_deadline_and_gone_behind_it() {
    let state = transcript(&[("SET k a PX 1000", "+OK")]);
    let get = |ms: i64, told: &str| {
        let now = Asker { now: (NOW.now.0 + ms, NOW.now.0 + ms), ..NOW };
        step(state.clone(), &words("GET k"), now, Some(&reply(told))).expect("it is known").len()
    };
    assert_eq!((get(900, "$a"), get(900, "_")), (1, 0));
    assert_eq!((get(1_000, "$a"), get(1_000, "_")), (1, 1), "nobody knows");
    assert_eq!((get(1_100, "$a"), get(1_100, "_")), (0, 1));
    let left = |told: &str| {
        step(state.clone(), &words("PTTL k"), NOW, Some(&reply(told))).expect("it is known").len()
    };
    assert_eq!((left(":990"), left(":700"), left(":-1")), (1, 0, 0));
}

#[test]
fn conditions_of_a_deadline_are_kept() {
    transcript(&[
        ("PEXPIRE k 9", ":0"),
        ("SET k a", "+OK"),
        ("PEXPIRE k 9000 GT", ":0"),
        ("PEXPIRE k 9000 XX", ":0"),
        ("PEXPIRE k 9000 NX", ":1"),
        ("PEXPIRE k 5000 GT", ":0"),
        ("PEXPIRE k 5000 LT", ":1"),
        ("PERSIST k", ":1"),
        ("PTTL k", ":-1"),
        ("PEXPIRE k -1", ":1"),
        ("EXISTS k", ":0"),
    ]);
}

#[test]
fn a_transaction_happens_as_a_whole_or_not_at_all() {
    let commands = ["MULTI", "INCR n", "INCR n", "EXEC"].map(words);
    let queued = || vec![reply("+OK"), reply("+QUEUED"), reply("+QUEUED")];
    let after = |last: Reply| {
        let told = [queued(), vec![last]].concat();
        call(State::default(), &commands, NOW, Some(&told)).expect("it is known")
    };
    let whole = after(Reply::List(vec![Reply::Int(1), Reply::Int(2)]));
    assert_eq!(whole.iter().next().map(ToString::to_string).as_deref(), Some("n = \"2\""));
    assert!(after(Reply::Nil).is_empty(), "nothing was watched");
    assert_eq!(after(reply("-EXECABORT")).iter().next(), Some(&State::default()));
    assert!(after(Reply::List(vec![Reply::Int(1), Reply::Int(1)])).is_empty());
    assert!(after(Reply::List(vec![Reply::Int(1)])).is_empty());
}

#[test]
fn what_the_model_does_not_know_it_says() {
    for command in ["NOSUCH k", "SET k a WHAT", "ZADD z NX 1 a", "ZADD z 1.5 a", "SPOP s 2"] {
        assert_eq!(step(State::default(), &words(command), NOW, Some(&Reply::Nil)), None, "{command}");
    }
}

#[test]
fn a_command_is_sent_by_its_first_key_and_a_cell_is_a_hash_tag() {
    for (command, key) in
        [("INCR k", "k"), ("EVAL s 1 k", "k"), ("XREAD COUNT 1 STREAMS k 0", "k"), ("PING", "")]
    {
        assert_eq!(key_of(&words(command)), key, "{command}");
    }
    assert_eq!(key_of_all(&["MULTI", "INCR k"].map(words)), "k");
    assert_eq!((cell_of("{t}a"), cell_of("x{t}"), cell_of("{}a"), cell_of("k")), ("t", "t", "{}a", "k"));
}

/// What a command makes of an empty cell, which must stay one.
fn executed(command: &[&str]) -> State {
    let mut state = State::default();
    if waits(command) {
        let begun = begin(&state, 1, command, NOW.now);
        return begun.and_then(|after| after.into_iter().next()).expect("it waits");
    }
    let rule = rule(command[0]).unwrap_or_else(|| panic!("nobody knows {command:?}"));
    let told = Reply::text(if command[0] == "XADD" { b"7-1" } else { b"m1x" });
    let (args, told) = (command, Some(&told));
    let ran = (rule.run)(&mut Run { state: &mut state, args, now: NOW.now, told, conn: Some(1) });
    assert!(ran != Err(Stop::Unmodelled), "{command:?}");
    let cell = cell_of(key_of(command));
    assert!(state.items().all(|(key, _)| cell_of(key) == cell), "{command:?}");
    state
}

/// What is drawn must be known to the model, or nothing behind it is followed; and it must stay in one cell.
#[test]
fn everything_that_is_drawn_is_known() {
    let mut stream = Stream::new(1, "test", "mix");
    for kind in &KINDS {
        for _ in 0..500 {
            let (stream, token, cells) = (&mut stream, "c1:7", 3);
            let goes = (kind.draw)(&mut Pick { stream, token, cells, may_listen: true, databases: 4 });
            for commands in &goes {
                let words =
                    commands.iter().map(|command| command.iter().map(String::as_str).collect::<Vec<_>>());
                let inner = words.filter(|command| !["MULTI", "EXEC"].contains(&command[0]));
                inner.for_each(|command| drop(executed(&command)));
                let cells = commands.iter().map(|command| cell_of(key_of(command)));
                let cells = cells.filter(|cell| !cell.is_empty()).collect::<std::collections::BTreeSet<_>>();
                let has_one = cells.len() == 1 || commands[0] == ["RANDOMKEY"] || is_of_channel(&commands[0]);
                assert!(has_one, "{commands:?}");
            }
        }
    }
}

#[test]
fn names_of_kinds_and_commands_are_unique() {
    let rules = KINDS.iter().flat_map(|kind| kind.rules).map(|rule| rule.name).collect::<Vec<_>>();
    let unique = rules.iter().collect::<std::collections::BTreeSet<_>>();
    assert_eq!(unique.len(), rules.len());
    assert!(KINDS.iter().all(|kind| kind_named(kind.name).is_some_and(|found| found.about == kind.about)));
}

#[test]
fn bits_estimates_and_streams() {
    transcript(&[
        ("SETBIT b 7 1", ":0"),
        ("SETBIT b 7 1", ":1"),
        ("GETBIT b 900", ":0"),
        ("BITCOUNT b", ":1"),
        ("SETBIT b -1 1", "-ERR"),
        ("PFADD e x y", ":1"),
        ("PFADD e x", ":0"),
        ("PFCOUNT e", ":2"),
        ("TYPE e", "+string"),
        ("XADD s 5-1 f a", "$5-1"),
        ("XADD s 5-1 f b", "-ERR"),
        ("XADD s * f b", "$900-0"),
        ("XLEN s", ":2"),
        ("XREADGROUP GROUP g c COUNT 2 STREAMS s >", "-NOGROUP"),
        ("XGROUP CREATE s g 0 MKSTREAM", "+OK"),
        ("XGROUP CREATE s g 0 MKSTREAM", "-BUSYGROUP"),
        ("XREADGROUP GROUP g c COUNT 1 STREAMS s >", "*s 5-1 f a"),
        ("XACK s g 5-1 6-1", ":1"),
        ("XREADGROUP GROUP g c COUNT 9 STREAMS s >", "*s 900-0 f b"),
        ("XREADGROUP GROUP g c COUNT 9 STREAMS s >", "_"),
        ("XDEL s 5-1", ":1"),
        ("XRANGE s - +", "*900-0 f b"),
    ]);
    let state = transcript(&[("XADD s 5-1 f a", "$5-1")]);
    let added = step(state, &words("XADD s * f b"), NOW, Some(&reply("$4-9"))).expect("it is known");
    assert!(added.is_empty(), "ids only grow");
}

/// A client's connection.
fn over(conn: u64) -> Asker {
    Asker { conn, ..NOW }
}

/// Whether a transaction over connection 1 that was told this is explained.
fn may_be_told(state: &State, told: Reply) -> bool {
    let told = [reply("+OK"), reply("+QUEUED"), told];
    let after = call(state.clone(), &["MULTI", "INCR n", "EXEC"].map(words), over(1), Some(&told));
    !after.expect("it is known").is_empty()
}

#[test]
fn a_watch_breaks_a_transaction_exactly_when_its_key_changed() {
    let watched = transcript(&[("SET n 5", "+OK"), ("WATCH n", "+OK")]);
    let done = || Reply::List(vec![Reply::Int(6)]);
    assert!(may_be_told(&watched, done()) && !may_be_told(&watched, Reply::Nil));
    let after = |command: &str| {
        let after = step(watched.clone(), &words(command), over(2), None).expect("it is known");
        after.into_iter().next().expect("there is one")
    };
    let read = after("GET n");
    assert!(may_be_told(&read, done()) && !may_be_told(&read, Reply::Nil));
    let changed = after("DEL n");
    assert!(may_be_told(&changed, Reply::Nil) && !may_be_told(&changed, Reply::List(vec![Reply::Int(1)])));
    let the_same = after("SET n 5");
    assert!(may_be_told(&the_same, done()) && may_be_told(&the_same, Reply::Nil), "nothing shows");
    let unwatched = step(changed, &words("UNWATCH"), over(1), None).expect("it is known");
    assert!(may_be_told(unwatched.iter().next().expect("one"), Reply::List(vec![Reply::Int(1)])));
}

#[test]
fn a_watched_key_that_expires_breaks_a_transaction() {
    let watched = transcript(&[("SET n 5 PX 100", "+OK"), ("WATCH n", "+OK")]);
    let is_explained = |ms: i64, told: Reply| {
        let asker = Asker { now: (NOW.now.0 + ms, NOW.now.1 + ms), ..over(1) };
        let told = [reply("+OK"), reply("+QUEUED"), told];
        let after = call(watched.clone(), &["MULTI", "INCR n", "EXEC"].map(words), asker, Some(&told));
        !after.expect("it is known").is_empty()
    };
    let done = |n| Reply::List(vec![Reply::Int(n)]);
    assert!(is_explained(10, done(6)) && !is_explained(10, Reply::Nil), "it is there");
    assert!(is_explained(100, done(6)) && is_explained(100, Reply::Nil), "nobody can say");
    assert!(is_explained(900, Reply::Nil) && !is_explained(900, done(1)), "it is gone");
}

#[test]
fn a_push_serves_whoever_waits_longest() {
    let mut state = State::default();
    for who in [7, 8] {
        let waits =
            begin(&state, who, &words("BLPOP q 1"), NOW.now).and_then(|after| after.into_iter().next());
        state = waits.expect("it waits");
    }
    let pushed = call(state.clone(), &[words("RPUSH q a")], NOW, Some(&[Reply::Int(1)]));
    let pushed = pushed.and_then(|after| after.into_iter().next()).expect("it is pushed");
    let element = Reply::List(vec![reply("$q"), reply("$a")]);
    let is_told = |state: &State, who, told: &Reply| !end(state, who, Some(told)).is_empty();
    assert!(is_told(&pushed, 7, &element) && !is_told(&pushed, 8, &element));
    assert!(is_told(&pushed, 8, &Reply::Nil) && !is_told(&pushed, 7, &Reply::Nil), "it is not forgotten");
    assert!(!is_told(&state, 7, &element), "nobody pushed");
    let len = step(pushed, &words("LLEN q"), NOW, Some(&Reply::Int(0))).expect("it is known");
    assert_eq!(len.len(), 1);
}

#[test]
fn scripts_do_what_they_say() {
    transcript(&[
        ("SET k a", "+OK"),
        ("FCALL vf_swap 1 k b", "$a"),
        ("FCALL vf_twice 1 k", "-ERR"),
        ("FCALL vf_twice 1 n", ":2"),
        ("GET n", "$2"),
        ("FCALL vf_move 2 {t}a {t}b x", "$x"),
        ("LRANGE {t}b 0 -1", "*x"),
    ]);
}

#[test]
fn fields_expire_and_a_hash_of_none_may_linger() {
    let state = transcript(&[
        ("HPEXPIRE h 900 FIELDS 1 a", "#-2"),
        ("HSET h a 1 b 2", ":2"),
        ("HPTTL h FIELDS 1 a", "#-1"),
        ("HPEXPIRE h 900 FIELDS 1 a", "#1"),
        ("HPERSIST h FIELDS 1 a", "#1"),
        ("HPERSIST h FIELDS 1 a", "#-1"),
        ("HSETEX h PX 900 FIELDS 1 a 3", ":1"),
        ("HGETEX h PX 1000 FIELDS 1 a", "*3"),
        ("HGETEX h PX 1000 FIELDS 1 c", "*_"),
        ("HPEXPIREAT h 1 FIELDS 1 b", "#2"),
        ("HGETALL h", "*a 3"),
    ]);
    let at = |ms: i64, command: &str, told: &Reply| {
        let now = Asker { now: (NOW.now.0 + ms, NOW.now.0 + ms), ..NOW };
        step(state.clone(), &words(command), now, Some(told)).expect("it is known").len()
    };
    assert_eq!((at(900, "HGET h a", &reply("$3")), at(900, "HGET h a", &Reply::Nil)), (1, 0));
    assert_eq!((at(1_200, "HGET h a", &reply("$3")), at(1_200, "HGET h a", &Reply::Nil)), (0, 2));
    assert_eq!((at(1_200, "EXISTS h", &Reply::Int(0)), at(1_200, "EXISTS h", &Reply::Int(1))), (1, 1));
}

#[test]
fn an_older_server_does_not_know_what_is_new() {
    let unknown = Reply::Error("ERR unknown command 'HPEXPIRE', with args beginning with: 'h'".to_owned());
    let after = step(State::default(), &words("HPEXPIRE h 9 FIELDS 1 a"), NOW, Some(&unknown));
    assert_eq!(after, Some(Cells::from([State::default()])));
    let of_old = step(State::default(), &words("HSET h a 1"), NOW, Some(&unknown));
    assert_eq!(of_old, Some(Cells::new()), "every server knows it");
}

#[test]
fn a_scan_that_is_over_tells_all_that_is_there_and_nothing_else() {
    let state = transcript(&[("SET {t}a 1", "+OK"), ("SET {t}b 1", "+OK"), ("SADD {t}s x y", ":2")]);
    let told = |command: &str, cursor: &str, elements: &str| {
        let told = Reply::List(vec![reply(cursor), reply(elements)]);
        !step(state.clone(), &words(command), NOW, Some(&told)).expect("it is known").is_empty()
    };
    let scan = "SCAN 0 MATCH {t}* COUNT 1000";
    assert!(told(scan, "$0", "*{t}s {t}b {t}a {t}b"));
    assert!(!told(scan, "$0", "*{t}s {t}b"), "one is missing");
    assert!(told(scan, "$7", "*{t}s {t}b") && !told(scan, "$7", "*{t}c"), "there may be more");
    assert!(told("SSCAN {t}s 0 COUNT 1000", "$0", "*y x"));
    let (sorted, hash) = (transcript(&[("ZADD z 2 a", ":1")]), transcript(&[("HSET h f v", ":1")]));
    for (state, command, elements) in [(sorted, "ZSCAN z 0", "*a 2"), (hash, "HSCAN h 0", "*f v")] {
        let told = Reply::List(vec![reply("$0"), reply(elements)]);
        assert_eq!(
            step(state, &words(command), NOW, Some(&told)).expect("it is known").len(),
            1,
            "{command}"
        );
    }
}

#[test]
fn what_is_moved_to_who_waits_goes_where_he_said() {
    let begun = begin(&State::default(), 7, &words("BLMOVE {t}a {t}b LEFT RIGHT 1"), NOW.now);
    let state = begun.and_then(|after| after.into_iter().next()).expect("it waits");
    let pushed = call(state, &[words("RPUSH {t}a x")], NOW, Some(&[Reply::Int(1)]));
    let pushed = pushed.and_then(|after| after.into_iter().next()).expect("it is pushed");
    assert!(end(&pushed, 7, Some(&reply("$x"))).len() == 1 && end(&pushed, 7, Some(&Reply::Nil)).is_empty());
    let moved = step(pushed, &words("LRANGE {t}b 0 -1"), NOW, Some(&reply("*x")));
    assert_eq!(moved.map(|after| after.len()), Some(1));
}

#[test]
fn a_user_who_may_only_read_writes_nothing() {
    let go = |told: &str| {
        let commands = ["AUTH vf_reader x", "SET k v", "AUTH default x", "SET k w"].map(words);
        let told = [reply("+OK"), reply(told), reply("+OK"), reply("+OK")];
        call(State::default(), &commands, NOW, Some(&told)).expect("it is known").len()
    };
    assert_eq!((go("-NOPERM"), go("+OK")), (1, 0));
}

#[test]
fn what_a_server_chooses_is_checked_for_its_shape() {
    let state = transcript(&[("SADD s 1", ":1")]);
    let told = |command: &str, told: Reply| {
        !step(state.clone(), &words(command), NOW, Some(&told)).expect("it is known").is_empty()
    };
    assert!(told("OBJECT ENCODING s", reply("$intset")) && !told("OBJECT ENCODING s", reply("$quicklist")));
    assert!(told("OBJECT ENCODING x", Reply::Nil) && told("OBJECT REFCOUNT s", Reply::Int(1)));
    assert!(told("RANDOMKEY", reply("$s")) && !told("RANDOMKEY", Reply::Int(1)));
    assert!(told("WAIT 1 5", Reply::Int(1)) && !told("WAIT 1 5", Reply::Int(-1)));
    assert!(told("WAITAOF 0 1 5", Reply::List(vec![Reply::Int(0), Reply::Int(1)])));
}
