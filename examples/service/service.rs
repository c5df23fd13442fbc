//! A web service that knows the areas of circles: a page with a form, JSON, Server-Sent Events, and
//! a call of another server.
//!
//! | path | answer |
//! |---|---|
//! | `GET /` | the page |
//! | `POST /` | the page with the area for the form's `radius` |
//! | `GET /area?radius=2` | the same as JSON |
//! | `GET /ticks` | three events, a quarter of a second apart |
//! | `GET /peer?url=http://…` | as JSON, what the server at `url` answers |

use std::convert::Infallible;
use std::f64::consts::PI;

use futures_lite::stream::unfold;
use serde::Serialize;
use wstd::http::body::Bytes;
use wstd::http::{Body, Client, Error, Method, Request, Response, StatusCode};
use wstd::time::Duration;

#[derive(Serialize)]
struct Area {
    radius: f64,
    area: f64,
}

#[derive(Serialize)]
struct Peer {
    status: u16,
    bytes: usize,
}

#[derive(Serialize)]
struct Problem {
    error: String,
}

#[wstd::http_server]
async fn main(mut request: Request<Body>) -> Result<Response<Body>, Error> {
    let uri = request.uri().clone();
    let query = uri.query().unwrap_or_default().as_bytes();
    match (request.method(), uri.path()) {
        (&Method::GET, "/") => respond(StatusCode::OK, HTML, page("").into()),
        (&Method::POST, "/") => {
            let form = request.body_mut().contents().await?;
            let answer = match area(form) {
                Ok(it) => format!(
                    "A circle of radius {} has the area {:.3}.",
                    it.radius, it.area
                ),
                Err(problem) => problem.error,
            };
            respond(StatusCode::OK, HTML, page(&answer).into())
        }
        (&Method::GET, "/area") => match area(query) {
            Ok(area) => json(StatusCode::OK, &area),
            Err(problem) => json(StatusCode::BAD_REQUEST, &problem),
        },
        (&Method::GET, "/ticks") => respond(StatusCode::OK, "text/event-stream", ticks()),
        (&Method::GET, "/peer") => match peer(query).await {
            Ok(peer) => json(StatusCode::OK, &peer),
            Err(problem) => json(StatusCode::BAD_GATEWAY, &problem),
        },
        (_, "/" | "/area" | "/ticks" | "/peer") => respond(
            StatusCode::METHOD_NOT_ALLOWED,
            TEXT,
            "no such method\n".into(),
        ),
        _ => respond(StatusCode::NOT_FOUND, TEXT, "no such page\n".into()),
    }
}

const HTML: &str = "text/html; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

fn respond(status: StatusCode, kind: &str, body: Body) -> Result<Response<Body>, Error> {
    let response = Response::builder().status(status);
    Ok(response.header("content-type", kind).body(body)?)
}

fn json(status: StatusCode, value: &impl Serialize) -> Result<Response<Body>, Error> {
    respond(status, "application/json", Body::from_json(value)?)
}

/// The value of a field in what a form sends, or in a query.
fn field(form: &[u8], name: &str) -> Result<String, Problem> {
    let mut fields = form_urlencoded::parse(form);
    match fields.find(|field| field.0 == name) {
        Some((_, value)) => Ok(value.into_owned()),
        None => Err(Problem {
            error: format!("`{name}` is missing"),
        }),
    }
}

fn area(form: &[u8]) -> Result<Area, Problem> {
    let text = field(form, "radius")?;
    match text.trim().parse::<f64>() {
        Ok(radius) if radius >= 0.0 && radius.is_finite() => Ok(Area {
            radius,
            area: PI * radius * radius,
        }),
        _ => Err(Problem {
            error: String::from("`radius` has to be a number, 0 or more"),
        }),
    }
}

/// Events, each sent when its time has come.
fn ticks() -> Body {
    Body::from_try_stream(unfold(1, async |number| {
        if number > 3 {
            return None;
        }
        if number > 1 {
            wstd::task::sleep(Duration::from_millis(250)).await;
        }
        let event = Bytes::from(format!("data: tick {number}\n\n"));
        Some((Ok::<_, Infallible>(event), number + 1))
    }))
}

async fn peer(query: &[u8]) -> Result<Peer, Problem> {
    let problem = |error: Error| Problem {
        error: format!("{error:#}"),
    };
    let url = field(query, "url")?;
    let request = Request::get(url).body(Body::empty());
    let request = request.map_err(|error| problem(error.into()))?;
    let mut client = Client::new();
    client.set_connect_timeout(Duration::from_secs(2));
    client.set_first_byte_timeout(Duration::from_secs(5));
    let mut response = client.send(request).await.map_err(problem)?;
    let status = response.status().as_u16();
    let body = response.body_mut().contents().await.map_err(problem)?;
    Ok(Peer {
        status,
        bytes: body.len(),
    })
}

/// The page; `answer` has no markup in it but for what the form sent, which is numbers.
fn page(answer: &str) -> String {
    include_str!("page.html").replace("{answer}", answer)
}
