//! Operations and schemas of records, from their declarations.

use serde_json::{Map, Value, json};

use crate::records::{Column, Described, Kind, Resource};
use crate::staff::Role;
use crate::words::with_article;

/// The operations and schemas of a resource.
pub(super) fn describe(described: &Described, paths: &mut Value, schemas: &mut Map<String, Value>) {
    let Described { resource, schema, tag, .. } = described;
    let role = described.reads.map_or("anybody", Role::name);
    let base = format!("/api/v1/{}", resource.name);
    let item = format!("{base}/{{id}}");
    schemas.insert((*schema).to_owned(), shown_schema(described));
    schemas.insert(format!("{schema}List"), list_schema(resource, schema));
    let mut list = answer("A page of the list; with `_format`, a download", &format!("{schema}List"));
    list["content"]["text/csv"] = json!({ "schema": { "type": "string" } });
    list["content"]["application/x-ndjson"] = json!({ "schema": { "type": "string" } });
    paths[&base]["get"] = json!({
        "tags": [tag], "summary": format!("List {}", resource.name), "x-role": role,
        "parameters": list_parameters(resource), "responses": { "200": list }
    });
    if paths[&item]["get"].is_null() {
        paths[&item]["get"] = json!({
            "tags": [tag], "summary": format!("Read {}", with_article(resource.one)), "x-role": role,
            "parameters": id_parameter(), "responses": { "200": answer(&format!("The {}", resource.one), schema) }
        });
    }
    if described.changes() {
        schemas.insert(format!("{schema}Whole"), written_schema(resource, true));
        schemas.insert(format!("{schema}Change"), written_schema(resource, false));
        describe_changes(described, &base, &item, paths);
    }
}

fn describe_changes(described: &Described, base: &str, item: &str, paths: &mut Value) {
    let Described { resource, schema, tag, .. } = described;
    let one = with_article(resource.one);
    let operation = |verb: &str, mut rest: Value| {
        rest["tags"] = json!([tag]);
        rest["summary"] = format!("{verb} {one}").into();
        rest["x-role"] = "staff".into();
        rest
    };
    let body = |name: &str| json!({ "required": true, "content": content(name) });
    let changed = json!({ "200": answer(&format!("The {} after the change", resource.one), schema) });
    let created = json!({ "201": answer(&format!("The new {}", resource.one), schema) });
    let deleted = json!({ "204": { "description": "Deleted; it can be restored" } });
    let id = id_parameter();
    let whole = body(&format!("{schema}Whole"));
    let mut partly = body(&format!("{schema}Change"));
    partly["content"]["application/merge-patch+json"] = partly["content"]["application/json"].clone();
    paths[base]["post"] = operation("Create", json!({ "requestBody": whole, "responses": created }));
    paths[item]["put"] = operation("Replace", json!({ "parameters": id, "requestBody": whole, "responses": changed }));
    paths[item]["patch"] =
        operation("Change", json!({ "parameters": id, "requestBody": partly, "responses": changed }));
    paths[item]["delete"] = operation("Delete", json!({ "parameters": id, "responses": deleted }));
    paths[format!("{item}/restoration")]["post"] =
        operation("Restore", json!({ "parameters": id, "requestBody": body("Nothing"), "responses": changed }));
}

fn id_parameter() -> Value {
    json!([{
        "name": "id", "in": "path", "required": true, "description": "Id of the record",
        "schema": { "type": "integer", "format": "int64" }
    }])
}

fn content(schema: &str) -> Value {
    json!({ "application/json": { "schema": { "$ref": format!("#/components/schemas/{schema}") } } })
}

fn answer(text: &str, schema: &str) -> Value {
    json!({ "description": text, "content": content(schema) })
}

fn shown_schema(described: &Described) -> Value {
    let resource = described.resource;
    let mut properties: Map<_, _> =
        resource.readable(true).map(|column| (column.name.to_owned(), column_schema(column, true))).collect();
    let required: Vec<_> = if resource.public { vec!["id"] } else { properties.keys().map(String::as_str).collect() };
    let mut schema = json!({ "type": "object", "required": required });
    if let Some(live) = described.live {
        properties
            .extend(live().as_object().into_iter().flatten().map(|(name, schema)| (name.clone(), schema.clone())));
    }
    schema["properties"] = properties.into();
    schema
}

fn list_schema(resource: &'static Resource, schema: &str) -> Value {
    json!({
        "type": "object",
        "required": [resource.name, "next", "count"],
        "properties": {
            resource.name: { "type": "array", "items": { "$ref": format!("#/components/schemas/{schema}") } },
            "next": { "type": ["string", "null"], "description": "The `_cursor` of the next page" },
            "count": { "type": ["integer", "null"] }
        }
    })
}

fn written_schema(resource: &'static Resource, whole: bool) -> Value {
    let properties: Map<_, _> =
        resource.writable().map(|column| (column.name.to_owned(), column_schema(column, false))).collect();
    let required: Vec<_> = resource.writable().filter(|column| column.required && whole).map(|c| c.name).collect();
    let mut schema = json!({ "type": "object", "additionalProperties": false, "properties": properties });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

/// `shown`: as it is answered; else as it may be written.
fn column_schema(column: &Column, shown: bool) -> Value {
    let length = |n: &usize| json!({ "type": "string", "maxLength": n });
    let mut schema = match &column.kind {
        Kind::Line(n) | Kind::Text(n) => length(n),
        // A blank text is none, so what is written need not be of the form.
        Kind::Email if shown => json!({ "type": "string", "format": "email", "maxLength": 254 }),
        Kind::Url if shown => json!({ "type": "string", "format": "uri" }),
        Kind::Email | Kind::Url => json!({ "type": "string" }),
        Kind::Number(low, high) => json!({ "type": "integer", "minimum": low, "maximum": high }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Zone => json!({ "type": "string", "description": "An IANA time zone", "example": "Europe/Berlin" }),
        Kind::Choice(choices) => json!({ "type": "string", "enum": choices }),
        Kind::Reference(_) | Kind::Account => json!({ "type": "integer", "minimum": 1 }),
        Kind::Moment => json!({ "type": "string", "format": "date-time" }),
        Kind::Nested(_) => json!({ "type": "array", "items": {} }),
    };
    if !column.help.is_empty() {
        schema["description"] = column.help.into();
    }
    if column.required && schema["type"] == "string" && !shown {
        schema["minLength"] = 1.into();
    }
    let given = matches!(column.kind, Kind::Flag) && shown
        || column.required
        || column.name == "id"
        || column.name == "version";
    let filled = shown && column.default.is_some();
    if !given && !filled {
        schema["type"] = json!([schema["type"], "null"]);
        if let Some(choices) = schema.get_mut("enum").and_then(Value::as_array_mut) {
            choices.push(Value::Null);
        }
    }
    schema
}

/// The grammar of lists: what is ours begins with `_`; each column is a condition.
fn list_parameters(resource: &'static Resource) -> Value {
    let own = [
        ("_sort", json!({ "type": "string" }), "Columns, `-` for descending, such as `-created_at`"),
        ("_limit", json!({ "type": "integer", "minimum": 1, "maximum": 1000 }), "How many a page; 50 without it"),
        ("_cursor", json!({ "type": "string" }), "The `next` of the page before"),
        ("_fields", json!({ "type": "string" }), "Columns to show, or `-column` to leave out"),
        (
            "_q",
            json!({ "type": "string", "maxLength": 1000 }),
            "Words anywhere: all of them, `\"a phrase\"`, `-not this`",
        ),
        ("_count", json!({ "enum": ["auto", "exact", "none"] }), "Whether all that match are counted"),
        ("_deleted", json!({ "enum": ["no", "with", "only"] }), "Deleted ones, too, or only they"),
        ("_format", json!({ "enum": ["json", "csv", "ndjson"] }), "A download of all that match instead of a page"),
    ];
    let parameter = |name: &str, schema: Value, text: String| json!({ "name": name, "in": "query", "required": false, "schema": schema, "description": text });
    let own = own.into_iter().map(|(name, schema, text)| parameter(name, schema, text.to_owned()));
    let columns = resource.readable(true).filter(|column| !matches!(column.kind, Kind::Nested(_))).map(|column| {
        let text = format!(
            "Only those with this {}; also `{}__in`, `__gte`, `__contains` and so on",
            column.title, column.name
        );
        parameter(column.name, filter_schema(column), text)
    });
    own.chain(columns).collect()
}

fn filter_schema(column: &Column) -> Value {
    match &column.kind {
        Kind::Number(..) | Kind::Reference(_) | Kind::Account => json!({ "type": "integer" }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Moment => json!({ "type": "string", "format": "date-time" }),
        _ => json!({ "type": "string" }),
    }
}
