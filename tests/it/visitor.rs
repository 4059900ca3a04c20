//! Somebody who visits the pages.

use test_support::{Answer, Ask, Server};

/// Signs in with a token, and asks for pages.
pub struct Visitor<'s> {
    server: &'s Server,
    cookie: String,
}

impl<'s> Visitor<'s> {
    #[track_caller]
    pub fn new(server: &'s Server, token: &str) -> Self {
        let ask = server.plain("POST", "/sign-in");
        let answer = posted(ask, &format!("token={token}&next="));
        let cookie = answer.header("set-cookie").unwrap();
        let cookie = cookie.split(';').next().unwrap().to_owned();
        Self { server, cookie }
    }

    pub fn get(&self, path: &str) -> Answer {
        let ask = self.server.plain("GET", path);
        ask.header("Cookie", &self.cookie).send()
    }

    pub fn post(&self, path: &str, form: &str) -> Answer {
        let ask = self.server.plain("POST", path);
        posted(ask.header("Cookie", &self.cookie), form)
    }
}

fn posted(ask: Ask, form: &str) -> Answer {
    ask.header("Sec-Fetch-Site", "same-origin")
        .body("application/x-www-form-urlencoded", form)
        .send()
}
