//! The state machine of a place: which step leads from where to where. No IO.

use super::{Desk, Queue, State, Status};
use crate::moment::{MINUTE, Moment, SECOND};

/// For how long an end can be taken back.
pub const UNDO: i64 = 30 * MINUTE;
/// How often a called student may be put back until it counts as not coming.
pub const RETURNS: i64 = 3;

/// More minutes than anybody may be away: the allowance decides.
pub const WHOLE_ALLOWANCE: i64 = i64::MAX;

/// One thing that happens to a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Ask the student to come to this desk.
    Call(Desk),
    /// Call again: the grace begins anew.
    Recall,
    /// Back into the line, place kept.
    Return,
    /// The visit begins.
    Start,
    /// The visit ends.
    Done,
    /// The student did not come.
    NoShow,
    /// Minutes; at most what is left of the allowance.
    Away(i64),
    /// Back from being away.
    Back,
    /// Out of the visit into the line again: `None` at the same place, else with a new order key.
    Requeue(Option<i64>),
    /// "I'm coming": the grace begins anew, once.
    Coming,
    /// The student leaves.
    Leave,
    /// Staff takes the student out.
    Remove,
    /// The queue is closed out, or the day ends.
    Expire,
    /// It goes on in another queue.
    Transfer,
    /// An ended place waits again, at its old place.
    Restore,
    /// A visit that was ended goes on.
    Reopen,
    /// Staff writes a note.
    Note(String),
}

impl Step {
    /// Out of the visit to the end of the line. The order key is given while the queue is held.
    pub const TO_THE_END: Step = Step::Requeue(Some(0));

    /// Away for as long as the allowance lasts.
    pub const AWAY: Step = Step::Away(WHOLE_ALLOWANCE);

    /// The word for events.
    pub fn name(&self) -> &'static str {
        match self {
            Step::Call(_) => "call",
            Step::Recall => "recall",
            Step::Return => "return",
            Step::Start => "start",
            Step::Done => "done",
            Step::NoShow => "no_show",
            Step::Away(_) => "away",
            Step::Back => "back",
            Step::Requeue(_) => "requeue",
            Step::Coming => "coming",
            Step::Leave => "leave",
            Step::Remove => "remove",
            Step::Expire => "expire",
            Step::Transfer => "transfer",
            Step::Restore => "restore",
            Step::Reopen => "reopen",
            Step::Note(_) => "note",
        }
    }

    /// The step that leads from one state to another, as a PATCH asks for it.
    pub fn between(from: State, to: State, desk: Desk) -> Option<Step> {
        match (from, to) {
            (State::Waiting | State::Away, State::Called) => Some(Step::Call(desk)),
            (State::Called, State::Called) => Some(Step::Recall),
            (State::Called, State::Waiting) => Some(Step::Return),
            (State::Called, State::Serving) => Some(Step::Start),
            (State::Serving, State::Done) => Some(Step::Done),
            (State::Done, State::Serving) => Some(Step::Reopen),
            (State::Called, State::NoShow) => Some(Step::NoShow),
            (State::Waiting | State::Called, State::Away) => Some(Step::AWAY),
            (State::Away, State::Waiting) => Some(Step::Back),
            (State::Serving, State::Waiting) => Some(Step::Requeue(None)),
            (State::NoShow | State::Left | State::Removed, State::Waiting) => Some(Step::Restore),
            (_, State::Left) => Some(Step::Leave),
            (_, State::Removed) => Some(Step::Remove),
            _ => None,
        }
    }
}

/// The status after a step, or in words why it cannot be.
pub fn apply(step: &Step, was: &Status, queue: &Queue, now: Moment) -> Result<Status, String> {
    let is = |states: &[State]| {
        // What it is, since when and by whom is told with every refusal.
        if states.contains(&was.state) { Ok(()) } else { Err(String::new()) }
    };
    let mut status = was.clone();
    match step {
        Step::Call(desk) => {
            is(&[State::Waiting, State::Away])?;
            end_away(&mut status, now);
            call(&mut status, *desk, queue, now);
        }
        Step::Recall => {
            is(&[State::Called])?;
            status.due_at = Some(now.plus(queue.grace_seconds * SECOND));
            status.coming_at = None;
        }
        Step::Return => {
            is(&[State::Called])?;
            leave_desk(&mut status);
            status.recalls += 1;
            status.state = State::Waiting;
            if status.recalls > RETURNS {
                end(&mut status, State::NoShow, now);
            }
        }
        Step::Start => {
            is(&[State::Called])?;
            status.state = State::Serving;
            status.started_at = Some(now);
            status.due_at = None;
        }
        Step::Done => {
            is(&[State::Serving])?;
            end(&mut status, State::Done, now);
        }
        Step::NoShow => {
            is(&[State::Called])?;
            end(&mut status, State::NoShow, now);
        }
        Step::Away(minutes) => {
            is(&[State::Waiting, State::Called])?;
            go_away(&mut status, *minutes, queue, now)?;
        }
        Step::Back => {
            is(&[State::Away])?;
            end_away(&mut status, now);
            status.state = State::Waiting;
        }
        Step::Requeue(key) => {
            is(&[State::Serving, State::Called])?;
            leave_desk(&mut status);
            status.state = State::Waiting;
            status.order_key = key.unwrap_or(status.order_key);
        }
        Step::Coming => {
            is(&[State::Called])?;
            if status.coming_at.is_none() {
                status.coming_at = Some(now);
                status.due_at = Some(now.plus(queue.grace_seconds * SECOND));
            }
        }
        Step::Leave | Step::Remove | Step::Expire | Step::Transfer => {
            let state = match step {
                Step::Leave => State::Left,
                Step::Remove => State::Removed,
                Step::Expire => State::Expired,
                _ => State::Transferred,
            };
            if *step == Step::Transfer {
                is(&[State::Waiting, State::Away, State::Called, State::Serving])?;
            } else {
                is(&[State::Waiting, State::Away, State::Called])?;
            }
            end_away(&mut status, now);
            end(&mut status, state, now);
        }
        Step::Restore => {
            is(&[State::NoShow, State::Left, State::Removed])?;
            recent(was, now)?;
            leave_desk(&mut status);
            status.state = State::Waiting;
            status.ended_at = None;
            status.end_reason = None;
            status.recalls = 0;
        }
        Step::Reopen => {
            is(&[State::Done])?;
            recent(was, now)?;
            status.state = State::Serving;
            status.ended_at = None;
            status.end_reason = None;
        }
        Step::Note(text) => status.note = Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
    }
    Ok(status)
}

fn call(status: &mut Status, desk: Desk, queue: &Queue, now: Moment) {
    (status.advisor_id, status.user_id) = match desk {
        Desk::Advisor { advisor, account } => (Some(advisor), account),
        Desk::Account(account) => (None, Some(account)),
    };
    status.state = State::Called;
    status.called_at = Some(now);
    status.started_at = None;
    status.coming_at = None;
    status.due_at = Some(now.plus(queue.grace_seconds * SECOND));
}

fn leave_desk(status: &mut Status) {
    status.advisor_id = None;
    status.user_id = None;
    status.called_at = None;
    status.started_at = None;
    status.coming_at = None;
    status.due_at = None;
}

fn end(status: &mut Status, state: State, now: Moment) {
    status.state = state;
    status.ended_at = Some(now);
    status.due_at = None;
}

fn go_away(status: &mut Status, minutes: i64, queue: &Queue, now: Moment) -> Result<(), String> {
    let left = queue.away_minutes * MINUTE - status.away_ms;
    if left <= 0 || minutes <= 0 {
        return Err("There is no time left for being away.".into());
    }
    leave_desk(status);
    status.state = State::Away;
    status.away_since = Some(now);
    status.due_at = Some(now.plus(minutes.saturating_mul(MINUTE).min(left)));
    Ok(())
}

fn end_away(status: &mut Status, now: Moment) {
    if let Some(since) = status.away_since.take() {
        status.away_ms += (now.0 - since.0).max(0);
        status.due_at = None;
    }
}

fn recent(status: &Status, now: Moment) -> Result<(), String> {
    match status.ended_at {
        Some(ended) if now.0 - ended.0 <= UNDO => Ok(()),
        _ => Err(format!("It ended more than {} minutes ago.", UNDO / MINUTE)),
    }
}

/// `K7-42` for an order key: a letter and a digit for the hundred, so that neighbours look different.
pub fn ticket(queue: i64, order_key: i64) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZ";
    // Queues begin at different hundreds, so that two of them seldom show the same ticket.
    let hundred = usize::try_from(order_key / 100 + queue * 37).unwrap_or(0) % (LETTERS.len() * 10);
    format!("{}{}-{:02}", LETTERS[hundred % LETTERS.len()] as char, hundred / LETTERS.len(), order_key % 100)
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::Intake;
    use super::*;

    pub fn queue() -> Queue {
        Queue {
            id: 1,
            college_id: 1,
            college: "Engineering".into(),
            title: "Advising".into(),
            greeting: None,
            intake: Intake::Open,
            intake_message: None,
            cap: None,
            grace_seconds: 120,
            away_minutes: 15,
            cooldown_minutes: 0,
            topics: None,
            location: None,
            timezone: "UTC".into(),
            schedule: None,
            closed_dates: None,
            keep_overnight: false,
            seq: 0,
            aside: 0,
            version: 1,
            deleted_at: None,
        }
    }

    fn status(state: State) -> Status {
        Status {
            state,
            order_key: 7,
            advisor_id: None,
            user_id: None,
            called_at: None,
            started_at: None,
            ended_at: (!state.is_active()).then_some(Moment(0)),
            coming_at: None,
            due_at: None,
            away_since: (state == State::Away).then_some(Moment(0)),
            away_ms: 0,
            recalls: 0,
            end_reason: None,
            note: None,
        }
    }

    #[test]
    fn each_step_leads_where_the_diagram_says_and_from_nowhere_else() {
        use State::{Away, Called, Done, Expired, Left, NoShow, Removed, Serving, Transferred, Waiting};
        let desk = Desk::Account(1);
        let table: [(Step, &[State], State); 16] = [
            (Step::Call(desk), &[Waiting, Away], Called),
            (Step::Recall, &[Called], Called),
            (Step::Return, &[Called], Waiting),
            (Step::Start, &[Called], Serving),
            (Step::Done, &[Serving], Done),
            (Step::NoShow, &[Called], NoShow),
            (Step::Away(5), &[Waiting, Called], Away),
            (Step::Back, &[Away], Waiting),
            (Step::Requeue(Some(9)), &[Serving, Called], Waiting),
            (Step::Coming, &[Called], Called),
            (Step::Leave, &[Waiting, Away, Called], Left),
            (Step::Remove, &[Waiting, Away, Called], Removed),
            (Step::Expire, &[Waiting, Away, Called], Expired),
            (Step::Transfer, &[Waiting, Away, Called, Serving], Transferred),
            (Step::Restore, &[NoShow, Left, Removed], Waiting),
            (Step::Reopen, &[Done], Serving),
        ];
        for (step, from, to) in table {
            for (_, state) in State::ALL {
                let after = apply(&step, &status(state), &queue(), Moment(MINUTE));
                let expected = from.contains(&state).then_some(to);
                assert_eq!(after.ok().map(|after| after.state), expected, "{step:?} from {state:?}");
            }
        }
    }

    #[test]
    fn being_away_is_bounded_and_the_place_is_kept() {
        let at = |minute: i64| Moment(minute * MINUTE);
        let away = apply(&Step::Away(10), &status(State::Waiting), &queue(), at(0)).unwrap();
        assert_eq!((away.due_at, away.order_key), (Some(at(10)), 7));
        let back = apply(&Step::Back, &away, &queue(), at(10)).unwrap();
        assert_eq!((back.away_ms, back.order_key, back.due_at), (10 * MINUTE, 7, None));
        // five of the fifteen minutes are left
        let again = apply(&Step::Away(60), &back, &queue(), at(20)).unwrap();
        assert_eq!(again.due_at, Some(at(25)));
        let back = apply(&Step::Back, &again, &queue(), at(25)).unwrap();
        assert!(apply(&Step::Away(1), &back, &queue(), at(30)).is_err());
    }

    #[test]
    fn a_student_who_is_put_back_too_often_did_not_come() {
        let mut place = status(State::Waiting);
        for round in 1..=RETURNS + 1 {
            place = apply(&Step::Call(Desk::Account(1)), &place, &queue(), Moment(0)).unwrap();
            place = apply(&Step::Return, &place, &queue(), Moment(0)).unwrap();
            assert_eq!(place.state, if round <= RETURNS { State::Waiting } else { State::NoShow });
        }
    }

    #[test]
    fn ends_can_be_taken_back_for_a_while() {
        assert!(apply(&Step::Restore, &status(State::Left), &queue(), Moment(UNDO)).is_ok());
        assert!(apply(&Step::Restore, &status(State::Left), &queue(), Moment(UNDO + 1)).is_err());
        assert!(apply(&Step::Reopen, &status(State::Done), &queue(), Moment(UNDO + 1)).is_err());
    }

    #[test]
    fn tickets_of_a_queue_differ() {
        let tickets: std::collections::HashSet<_> = (1..=24_000).map(|key| ticket(3, key)).collect();
        assert_eq!(tickets.len(), 24_000);
        assert!(tickets.iter().all(|ticket| ticket.len() == 5), "{:?}", tickets.iter().next());
    }
}
