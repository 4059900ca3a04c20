//! Markdown of guests as HTML. HTML in it is shown as text, images are links, and a link leads to
//! `http` and `https` alone: nothing is loaded, and nothing runs.

use pulldown_cmark::{CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

pub fn html(text: &str) -> String {
    let options =
        Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let mut out = String::with_capacity(text.len() * 2);
    let events = Parser::new_ext(text, options).map(tamed);
    pulldown_cmark::html::push_html(&mut out, events);
    out
}

fn tamed(event: Event<'_>) -> Event<'_> {
    match event {
        Event::Html(text) | Event::InlineHtml(text) => Event::Text(text),
        Event::Start(Tag::Image {
            dest_url,
            title,
            id,
            ..
        })
        | Event::Start(Tag::Link {
            dest_url,
            title,
            id,
            ..
        }) => Event::Start(Tag::Link {
            link_type: pulldown_cmark::LinkType::Inline,
            dest_url: address(dest_url),
            title,
            id,
        }),
        Event::End(TagEnd::Image) => Event::End(TagEnd::Link),
        // The page has a heading of its own.
        Event::Start(Tag::Heading {
            level,
            id,
            classes,
            attrs,
        }) => Event::Start(Tag::Heading {
            level: lower(level),
            id,
            classes,
            attrs,
        }),
        Event::End(TagEnd::Heading(level)) => Event::End(TagEnd::Heading(lower(level))),
        // Alignment of columns is a style, which pages do not have.
        Event::Start(Tag::Table(alignments)) => {
            let none = vec![pulldown_cmark::Alignment::None; alignments.len()];
            Event::Start(Tag::Table(none))
        }
        other => other,
    }
}

fn address(url: CowStr<'_>) -> CowStr<'_> {
    let is_web = url.starts_with("http://") || url.starts_with("https://");
    if is_web { url } else { CowStr::Borrowed("#") }
}

fn lower(level: HeadingLevel) -> HeadingLevel {
    match level {
        HeadingLevel::H1 => HeadingLevel::H3,
        HeadingLevel::H2 => HeadingLevel::H4,
        HeadingLevel::H3 => HeadingLevel::H5,
        _ => HeadingLevel::H6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: &str) {
        assert_eq!(html(text).trim(), expect);
    }

    #[test]
    fn marks_become_html() {
        check(
            "# Orders\n\n*two* of `3`",
            "<h3>Orders</h3>\n<p><em>two</em> of <code>3</code></p>",
        );
        check(
            "[shop](https://shop.example/?a=1&b=2)",
            r#"<p><a href="https://shop.example/?a=1&amp;b=2">shop</a></p>"#,
        );
        check(
            "|a|\n|-:|\n|1|",
            "<table><thead><tr><th>a</th></tr></thead><tbody>\n<tr><td>1</td></tr>\n</tbody></table>",
        );
    }

    #[test]
    fn nothing_is_loaded_and_nothing_runs() {
        check(
            "<script>alert(1)</script>",
            "&lt;script&gt;alert(1)&lt;/script&gt;",
        );
        check(
            "a <img src=x onerror=alert(1)> b",
            "<p>a &lt;img src=x onerror=alert(1)&gt; b</p>",
        );
        check("[x](javascript:alert(1))", r##"<p><a href="#">x</a></p>"##);
        check("[x](//evil.example)", r##"<p><a href="#">x</a></p>"##);
        check(
            "![chart](https://img.example/c.png)",
            r#"<p><a href="https://img.example/c.png">chart</a></p>"#,
        );
        check(
            "<javascript:alert(1)>",
            r##"<p><a href="#">javascript:alert(1)</a></p>"##,
        );
        for text in ["[x](data:text/html,y)", "![y](data:image/svg+xml,z)"] {
            let drawn = html(text);
            assert!(
                !drawn.contains("data:") && !drawn.contains("<img"),
                "{drawn}"
            );
        }
    }
}
