//! `frontdesk demo`: a believable college, so that every page has something to show.
//!
//! Everything is made through the same verbs as by people; the past days are lived through on a clock that is
//! set, so that statistics and estimates have something to learn from.

use std::sync::Arc;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Map, Value, json};

use crate::collections::Collections;
use crate::config::Config;
use crate::db::Pool;
use crate::directory::{ADVISORS, COLLEGES, MAJORS, STUDENTS};
use crate::entries::{Entries, How, Settings, Survey};
use crate::error::{Error, Result};
use crate::files::{Options, Source};
use crate::moment::{Clock, DAY, HOUR, MINUTE, Moment};
use crate::records::{Records, Resource};
use crate::relay::{OwnPlaces, RelayName, Relays};
use crate::staff::Author;
use crate::updates::{Updates, Writer, Writing};
use crate::waiting::{Actor, Caller, Desk, FAQS, Join, QUEUES, Rooms, Step, Who};

const COLLEGE_MAJORS: [(&str, [&str; 4]); 3] = [
    ("College of Engineering", ["Civil Engineering", "Computer Science", "Electrical Engineering", "Physics"]),
    ("College of Arts", ["Dance", "English", "History", "Philosophy"]),
    ("College of Business", ["Accounting", "Economics", "Finance", "Marketing"]),
];
const ADVISOR_NAMES: [(&str, &str); 8] = [
    ("Kim Larsen", "Senior advisor"),
    ("Noor Haddad", "Advisor"),
    ("Tomas Vega", "Advisor"),
    ("Ines Moreau", "Career advisor"),
    ("Yuki Tanaka", "Advisor"),
    ("Omar Diallo", "Financial aid"),
    ("Greta Lind", "Senior advisor"),
    ("Ravi Menon", "Advisor"),
];
const FIRST: [&str; 20] = [
    "Ada", "Ben", "Chi", "Dee", "Eli", "Fay", "Gus", "Hana", "Ivo", "Jun", "Kai", "Lea", "Mia", "Nia", "Oto", "Pia",
    "Rex", "Sol", "Tia", "Uma",
];
const LAST: [&str; 8] = ["Abbott", "Berg", "Costa", "Dahl", "Evans", "Fujita", "Gray", "Holm"];
const TOPICS: [&str; 4] = ["Course choice", "Transfer credit", "Graduation check", "Something else"];
/// Title, college, advisors (numbers in the list above).
const LINES: [(&str, usize, &[usize]); 6] = [
    ("Engineering advising", 0, &[0, 1]),
    ("Engineering transfer credit", 0, &[2]),
    ("Arts advising", 1, &[3, 4]),
    ("Financial aid", 1, &[5]),
    ("Business advising", 2, &[6]),
    ("Career questions", 2, &[7]),
];
const QUESTIONS: [(&str, &str); 3] = [
    ("What should I bring?", "Your **student number**, and the list of courses you took so far."),
    ("How long does it take?", "Most visits take about ten minutes. The page shows what to expect."),
    ("May I leave while I wait?", "Yes. Your place is kept. Use *I need 5 minutes* when you are called and need time."),
];
/// Days of history.
const DAYS: i64 = 7;

/// The parts of the program that the demonstration is made with.
struct Stage {
    records: Records,
    rooms: Rooms,
    clock: Clock,
    random: StdRng,
}

/// Loads the demonstration. Refuses on a database that holds anything of its own.
pub async fn load(pool: &Pool, config: &Config) -> Result<()> {
    refuse_if_in_use(pool).await?;
    let now = Clock::system().now();
    let clock = Clock::standing(now.plus(-DAYS * DAY));
    let records = Records::new(pool.clone(), clock.clone(), [0; 32]);
    let rooms = Rooms::new(pool.clone(), clock.clone(), records.clone(), false);
    let mut stage = Stage { records, rooms, clock, random: StdRng::seed_from_u64(1) };
    let colleges = stage.colleges().await?;
    let advisors = stage.advisors(&colleges).await?;
    let students = stage.students(&colleges).await?;
    let queues = stage.queues(&colleges).await?;
    for day in (1..=DAYS).rev() {
        let opening = Moment((now.0 / DAY - day) * DAY + 9 * HOUR);
        stage.day(&queues, &advisors, &students, opening).await?;
    }
    stage.clock.set(now);
    stage.present(&queues, &advisors, &students, now).await?;
    stage.entries(pool, config, now).await?;
    relays(pool).await?;
    updates(pool, now).await
}

/// Four updates: one for those who wait, one that is read, one for later, and a draft.
async fn updates(pool: &Pool, now: Moment) -> Result<()> {
    let clock = Clock::standing(now);
    let updates = Updates::new(pool.clone(), clock.clone());
    let kim = Writer { by: Author::command_line(), name: ADVISOR_NAMES[0].0.into() };
    let written = [
        (
            6 * DAY,
            "Transfer credit: what we need from you",
            "Bring the **course outline** of every course that you want to transfer, and your transcript.\n\n\
             - Outlines of the last five years count.\n- One page a course is enough.\n\n\
             Decisions take about a week. You find them in your account.",
            Writing { tags: vec!["transfer".into()], draft: false, ..Writing::default() },
        ),
        (
            2 * HOUR,
            "Engineering advising is in room 12 this week",
            "The second floor is being painted. Follow the signs from the main stairs.",
            Writing { tags: vec!["rooms".into()], pinned: true, draft: false, ..Writing::default() },
        ),
        (
            HOUR,
            "Exam week: longer hours",
            "From Monday on all rooms are open until **20:00**.\n\n## Who is there\n\nEverybody. Come early in the day if you can.",
            Writing { draft: false, publish_at: Some(now.plus(5 * DAY)), ..Writing::default() },
        ),
        (HOUR, "Summer courses", "To be written.", Writing::default()),
    ];
    for (ago, title, body, writing) in written {
        clock.set(now.plus(-ago));
        updates.create(&kim, Writing { title: title.into(), body: body.into(), ..writing }).await?;
    }
    Ok(())
}

/// Two relays, to endpoints that do not exist.
async fn relays(pool: &Pool) -> Result<()> {
    let relays = Relays::new(pool.clone(), Clock::system(), &[0; 32], OwnPlaces::default(), false);
    let catalog = json!({
        "title": "Course catalog", "access": "public", "default_pool": "catalog",
        "pools": [{"name": "catalog", "health_path": "/health", "upstreams": [
            {"url": "https://a.catalog.example", "weight": 2}, {"url": "https://b.catalog.example"}]}],
    });
    let rooms = json!({
        "title": "Readings of both buildings", "mode": "merge", "default_pool": "north",
        "pools": [{"name": "north", "upstreams": [{"url": "https://north.sensors.example"}]},
                  {"name": "south", "upstreams": [{"url": "https://south.sensors.example"}]}],
        "rules": [{"when": {"method": "POST", "json": {"/building": "south"}}, "pool": "south"}],
    });
    for (name, definition) in [("catalog", catalog), ("climate", rooms)] {
        let definition = serde_json::from_value(definition).map_err(|error| Error::Internal(Box::new(error)))?;
        relays.create(&Author::command_line(), &RelayName::parse(name)?, definition).await?;
    }
    Ok(())
}

async fn refuse_if_in_use(pool: &Pool) -> Result<()> {
    for table in ["entries", "colleges", "students", "queues"] {
        let sql = format!("SELECT id FROM {table} LIMIT 1");
        let found: Option<(i64,)> = pool.read(sqlx::AssertSqlSafe(sql)).optional().await?;
        if found.is_some() {
            return Err(Error::Conflict(
                format!(
                    "This database is in use: it has {table}. Run the demo with an empty one (FRONTDESK_DATA_DIR=demo)."
                )
                .into(),
            ));
        }
    }
    Ok(())
}

impl Stage {
    async fn create(&self, resource: &'static Resource, body: Value) -> Result<i64> {
        let body: Map<String, Value> = body.as_object().cloned().unwrap_or_default();
        Ok(self.records.create(&Author::command_line(), resource, &body).await?.id)
    }

    /// Colleges with their majors.
    async fn colleges(&self) -> Result<Vec<(i64, Vec<i64>)>> {
        let mut colleges = Vec::new();
        for (name, majors) in COLLEGE_MAJORS {
            let short = name.rsplit(' ').next().unwrap_or(name);
            let college = self
                .create(&COLLEGES, json!({"name": name, "short_name": short, "location": format!("{short} Hall")}))
                .await?;
            let mut ids = Vec::new();
            for major in majors {
                ids.push(self.create(&MAJORS, json!({"name": major, "college_id": college})).await?);
            }
            colleges.push((college, ids));
        }
        for (position, (question, answer)) in QUESTIONS.iter().enumerate() {
            self.create(&FAQS, json!({"question": question, "answer": answer, "position": position})).await?;
        }
        Ok(colleges)
    }

    async fn advisors(&self, colleges: &[(i64, Vec<i64>)]) -> Result<Vec<Caller>> {
        let mut callers = Vec::new();
        for (n, (name, title)) in ADVISOR_NAMES.iter().enumerate() {
            let college = LINES.iter().find(|(_, _, advisors)| advisors.contains(&n)).map_or(0, |line| line.1);
            let body = json!({"name": name, "title": title, "college_id": colleges[college].0, "location": format!("Desk {}", n + 1)});
            let advisor = self.create(&ADVISORS, body).await?;
            callers.push(Caller {
                author: Author::command_line(),
                desk: Desk::Advisor { advisor, account: None },
                name: (*name).to_owned(),
                location: Some(format!("Desk {}", n + 1)),
                video_url: None,
            });
        }
        Ok(callers)
    }

    async fn students(&mut self, colleges: &[(i64, Vec<i64>)]) -> Result<Vec<i64>> {
        let mut students = Vec::new();
        for n in 0..40 {
            let (first, last) = (FIRST[n % FIRST.len()], LAST[(n * 3 + n / FIRST.len()) % LAST.len()]);
            let (college, majors) = &colleges[n % colleges.len()];
            let major = majors.choose(&mut self.random);
            let email = format!("{}.{}{n}@students.example", first.to_lowercase(), last.to_lowercase());
            let body = json!({
                "name": format!("{first} {last}"), "email": email, "student_number": format!("S{:05}", 10_000 + n * 37),
                "college_id": college, "major_id": major,
            });
            students.push(self.create(&STUDENTS, body).await?);
        }
        Ok(students)
    }

    async fn queues(&self, colleges: &[(i64, Vec<i64>)]) -> Result<Vec<i64>> {
        let mut queues = Vec::new();
        for (title, college, _) in LINES {
            let body = json!({
                "title": title, "college_id": colleges[college].0, "topics": TOPICS, "grace_seconds": 180,
                "greeting": "Have your student number ready. You may walk around while you wait.",
                "location": "First floor", "cap": 30,
            });
            queues.push(self.create(&QUEUES, body).await?);
        }
        Ok(queues)
    }

    fn set(&self, at: Moment) {
        if at > self.clock.now() {
            self.clock.set(at);
        }
    }

    async fn join(&mut self, queue: i64, student: i64) -> Result<()> {
        let topic = TOPICS.choose(&mut self.random).map(|topic| (*topic).to_owned());
        let join = Join { queue, who: Who::Known(student), topic, question: None, walk_in: false };
        self.rooms.join(&join, Some(&Actor { staff: true, ..Actor::student() }), None).await.map(drop)
    }

    /// A day of every queue: about a dozen visits, some who do not come, some who leave.
    async fn day(&mut self, queues: &[i64], advisors: &[Caller], students: &[i64], opening: Moment) -> Result<()> {
        for (line, queue) in queues.iter().enumerate() {
            // Every queue lives through the same day.
            self.clock.set(opening);
            for n in 0..self.random.random_range(5..9_i64) {
                let at =
                    opening.plus(n * 20 * MINUTE + self.random.random_range(0..8) * MINUTE + line as i64 * DAY / 48);
                self.set(at);
                let student = *students.choose(&mut self.random).unwrap_or(&students[0]);
                self.join(*queue, student).await?;
                let pause = self.random.random_range(1..14) * MINUTE;
                self.set(at.plus(pause));
                let caller = advisors[*LINES[line].2.choose(&mut self.random).unwrap_or(&0)].clone();
                self.visit(*queue, &caller).await?;
            }
        }
        Ok(())
    }

    async fn visit(&mut self, queue: i64, caller: &Caller) -> Result<()> {
        let by = Actor { name: caller.name.clone(), staff: true, author: None };
        let Some(place) = self.rooms.call_next(queue, caller).await? else { return Ok(()) };
        let step = async |step: Step| self.rooms.step(place.id, &step, None, &by, None).await.map(drop);
        match self.random.random_range(0..12) {
            0 => step(Step::NoShow).await,
            1 => self.rooms.step(place.id, &Step::Leave, None, &Actor::student(), None).await.map(drop),
            _ => {
                self.set(self.clock.now().plus(MINUTE));
                step(Step::Start).await?;
                let length = self.random.random_range(4..15) * MINUTE;
                self.set(self.clock.now().plus(length));
                step(Step::Done).await
            }
        }
    }

    /// How it stands now: somebody at most desks, a few who wait, one who is away.
    async fn present(&mut self, queues: &[i64], advisors: &[Caller], students: &[i64], now: Moment) -> Result<()> {
        // Yesterday's duties end as they do every night.
        self.rooms.sweep().await?;
        let mut next = students.iter();
        for (line, queue) in queues.iter().enumerate() {
            let mut waiting = if line == 5 { 0 } else { 2 + line % 4 + LINES[line].2.len() };
            self.clock.set(now.plus(-(waiting as i64) * 4 * MINUTE));
            for advisor in LINES[line].2 {
                self.rooms.set_duty(*queue, &advisors[*advisor], true).await?;
            }
            while let (true, Some(student)) = (waiting > 0, next.next()) {
                self.join(*queue, *student).await?;
                self.set(self.clock.now().plus(3 * MINUTE));
                waiting -= 1;
            }
            for advisor in LINES[line].2 {
                if let Some(place) = self.rooms.call_next(*queue, &advisors[*advisor]).await? {
                    let by = Actor { name: advisors[*advisor].name.clone(), staff: true, author: None };
                    self.rooms.step(place.id, &Step::Start, None, &by, None).await?;
                }
            }
        }
        self.clock.set(now);
        self.rooms.announce(queues[0], "The lift is out of order: please take the stairs.", &Actor::system()).await
    }

    /// Two collections with what people sent.
    async fn entries(&mut self, pool: &Pool, config: &Config, now: Moment) -> Result<()> {
        let settings = Settings::of(config, [0; 32]);
        let entries =
            Entries::new(pool.clone(), Clock::system(), Collections::new(pool.clone(), Clock::system()), settings);
        for (name, count) in [("contact", 60), ("signup", 45)] {
            let collection = entries.find_or_make(&Author::command_line(), name).await?;
            let rows: Vec<_> = (0..count).map(|n| self.entry(name, n, now).to_string()).collect();
            let text = rows.join("\n");
            let source = Arc::new(Source::of_text(&text, "demo.ndjson", &Options::default())?);
            let survey = Arc::new(Survey::of(&source).await?);
            let work = (source, survey, How::default());
            entries.import_file(&Author::command_line(), &collection, "demo.ndjson", work, &mut |_| {}).await?;
        }
        Ok(())
    }

    /// An entry as an export has it, so that it was received at a moment of its own.
    fn entry(&mut self, collection: &str, n: usize, now: Moment) -> Value {
        let id = n + if collection == "contact" { 1 } else { 1001 };
        let at = now.plus(-(n as i64) * 7 * HOUR).to_string();
        json!({"_id": id, "_received": at, "_at": at, "data": self.data(collection, n)})
    }

    fn data(&mut self, collection: &str, n: usize) -> Value {
        let name = format!("{} {}", FIRST[n % FIRST.len()], LAST[n % LAST.len()]);
        let email = format!("{}@mail.example", FIRST[n % FIRST.len()].to_lowercase());
        match collection {
            "contact" => {
                let subject = ["Opening hours", "A question", "Thank you"].choose(&mut self.random);
                json!({"name": name, "email": email, "subject": subject, "message": "Could somebody call me back, please?"})
            }
            _ => {
                let plan = ["free", "pro", "team"].choose(&mut self.random);
                json!({"name": name, "email": email, "plan": plan, "seats": self.random.random_range(1..30)})
            }
        }
    }
}
