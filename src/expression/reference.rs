//! The functions and macros of the language in words, for tools that show them.

use super::functions;

/// A function, under its full name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// With its namespace: `math.least`.
    pub name: &'static str,
    /// How it is called and what it gives, one line each: `string.contains(string) -> bool`.
    pub forms: Vec<String>,
    /// Whether it can be called on a value, as in `text.size()`.
    pub on_value: bool,
    /// Whether it can be called by its name alone, as in `size(text)`.
    pub alone: bool,
    pub docs: &'static str,
}

/// A macro.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Macro {
    /// With its namespace: `cel.bind`.
    pub name: &'static str,
    /// How it is written, one line each.
    pub forms: &'static [&'static str],
    /// Whether it stands behind a value, as in `list.all(item, …)`.
    pub on_value: bool,
    pub docs: &'static str,
}

/// Every function, by name.
pub fn functions() -> Vec<Function> {
    let mut found: Vec<Function> = functions::names()
        .filter_map(|name| {
            let function = functions::find(name)?;
            let docs = FUNCTIONS.iter().find(|(known, _)| *known == name).map_or("", |(_, docs)| *docs);
            let forms = function.overloads.iter().map(|overload| overload.form(name)).collect();
            let on_value = function.overloads.iter().any(|overload| overload.member);
            let alone = function.overloads.iter().any(|overload| !overload.member);
            Some(Function { name, forms, on_value, alone, docs })
        })
        .collect();
    found.sort_by_key(|function| function.name);
    found
}

/// The function of that full name.
pub fn function(name: &str) -> Option<Function> {
    functions().into_iter().find(|function| function.name == name)
}

/// The macro of that full name.
pub fn find_macro(name: &str) -> Option<Macro> {
    MACROS.iter().find(|known| known.name == name).copied()
}

/// Every macro, by name.
pub const MACROS: &[Macro] = &[
    Macro {
        name: "all",
        forms: &["list.all(item, condition)", "list.all(index, item, condition)"],
        on_value: true,
        docs: "Whether the condition holds for all items of a list, or all keys of a map.",
    },
    Macro {
        name: "cel.bind",
        forms: &["cel.bind(name, value, expression)"],
        on_value: false,
        docs: "The expression, in which the name stands for the value.",
    },
    Macro {
        name: "exists",
        forms: &["list.exists(item, condition)", "list.exists(index, item, condition)"],
        on_value: true,
        docs: "Whether the condition holds for one or more.",
    },
    Macro {
        name: "existsOne",
        forms: &["list.existsOne(item, condition)", "list.existsOne(index, item, condition)"],
        on_value: true,
        docs: "Whether the condition holds for exactly one.",
    },
    Macro {
        name: "exists_one",
        forms: &["list.exists_one(item, condition)", "list.exists_one(index, item, condition)"],
        on_value: true,
        docs: "Whether the condition holds for exactly one.",
    },
    Macro {
        name: "filter",
        forms: &["list.filter(item, condition)"],
        on_value: true,
        docs: "The items for which the condition holds.",
    },
    Macro { name: "has", forms: &["has(value.field)"], on_value: false, docs: "Whether the field is there." },
    Macro {
        name: "map",
        forms: &["list.map(item, expression)", "list.map(item, condition, expression)"],
        on_value: true,
        docs: "The expression of each item, or of each for which the condition holds.",
    },
    Macro {
        name: "optFlatMap",
        forms: &["optional.optFlatMap(value, expression)"],
        on_value: true,
        docs: "The expression, itself an optional, of what the optional holds; nothing if it holds nothing.",
    },
    Macro {
        name: "optMap",
        forms: &["optional.optMap(value, expression)"],
        on_value: true,
        docs: "An optional with the expression of what the optional holds; nothing if it holds nothing.",
    },
    Macro {
        name: "sortBy",
        forms: &["list.sortBy(item, key)"],
        on_value: true,
        docs: "The items in the order of their keys.",
    },
    Macro {
        name: "transformList",
        forms: &[
            "list.transformList(index, item, expression)",
            "list.transformList(index, item, condition, expression)",
        ],
        on_value: true,
        docs: "A list of the expression of each item, or of each for which the condition holds.",
    },
    Macro {
        name: "transformMap",
        forms: &["map.transformMap(key, value, expression)", "map.transformMap(key, value, condition, expression)"],
        on_value: true,
        docs: "A map with the same keys and the expression of each value.",
    },
    Macro {
        name: "transformMapEntry",
        forms: &[
            "map.transformMapEntry(key, value, expression)",
            "map.transformMapEntry(key, value, condition, expression)",
        ],
        on_value: true,
        docs: "A map of the entries that the expression gives, each time as a map with one entry.",
    },
];

/// What each function gives.
const FUNCTIONS: &[(&str, &str)] = &[
    ("base64.decode", "The bytes that base64 text stands for."),
    ("base64.encode", "Bytes as base64 text."),
    ("bool", "The boolean that text like `true`, `f` or `1` stands for."),
    ("bytes", "Text as UTF-8 bytes."),
    ("charAt", "The character at this place, counted from 0."),
    ("cidr", "A network, like `10.0.0.0/8`."),
    ("contains", "Whether the text holds this part."),
    ("containsCIDR", "Whether the network holds this one."),
    ("containsIP", "Whether the network holds this address."),
    ("distinct", "The items, each once."),
    ("double", "A number, or text that stands for one, as a double."),
    ("duration", "The duration that text like `1h30m` stands for, or that many seconds."),
    ("dyn", "The same value, unchecked until it runs."),
    ("endsWith", "Whether the text ends with this part."),
    ("family", "4 or 6."),
    ("first", "The first item, as an optional."),
    ("flatten", "Lists within the list joined, one level or as many as are given."),
    ("format", "The text with `%s`, `%d`, `%f`, … replaced by the items of the list."),
    ("getDate", "The day of the month, from 1."),
    ("getDayOfMonth", "The day of the month, from 0."),
    ("getDayOfWeek", "The day of the week; 0 is Sunday."),
    ("getDayOfYear", "The day of the year, from 0."),
    ("getFullYear", "The year."),
    ("getHours", "The hour of the day; of a duration, the whole of it in hours."),
    ("getMilliseconds", "The milliseconds below a second."),
    ("getMinutes", "The minute of the hour; of a duration, the whole of it in minutes."),
    ("getMonth", "The month, from 0."),
    ("getSeconds", "The second of the minute; of a duration, the whole of it in seconds."),
    ("hasValue", "Whether the optional holds something."),
    ("indexOf", "Where this part first stands in the text, from a place on; -1 where it does not."),
    ("int", "A number, text, time or duration as a whole number."),
    ("ip", "An IP address, from text or of a network."),
    ("ip.isCanonical", "Whether the address is written as usual."),
    ("isCIDR", "Whether the text is a network."),
    ("isGlobalUnicast", "Whether the address is a global unicast address."),
    ("isIP", "Whether the text is an IP address."),
    ("isLinkLocalMulticast", "Whether the address is a link-local multicast address."),
    ("isLinkLocalUnicast", "Whether the address is a link-local unicast address."),
    ("isLoopback", "Whether the address is a loopback address."),
    ("isUnspecified", "Whether the address is `0.0.0.0` or `::`."),
    ("join", "The texts of the list in one, with this between them."),
    ("last", "The last item, as an optional."),
    ("lastIndexOf", "Where this part last stands in the text; -1 where it does not."),
    ("lists.range", "The whole numbers from 0 to below this."),
    ("lowerAscii", "The text with ASCII letters in lower case."),
    ("masked", "The network with all bits behind its prefix zero."),
    ("matches", "Whether the regular expression (RE2) is found somewhere in the text."),
    ("math.abs", "The number without its sign."),
    ("math.bitAnd", "The bits that both have."),
    ("math.bitNot", "All bits turned over."),
    ("math.bitOr", "The bits that either has."),
    ("math.bitShiftLeft", "The bits moved left by this many places."),
    ("math.bitShiftRight", "The bits moved right by this many places; the sign is a bit like any other."),
    ("math.bitXor", "The bits that exactly one of the two has."),
    ("math.ceil", "The next whole number above."),
    ("math.floor", "The next whole number below."),
    ("math.greatest", "The greatest of the arguments, or of one list."),
    ("math.isFinite", "Whether the double is neither infinite nor NaN."),
    ("math.isInf", "Whether the double is infinite."),
    ("math.isNaN", "Whether the double is not a number."),
    ("math.least", "The least of the arguments, or of one list."),
    ("math.round", "The nearest whole number, away from zero at a half."),
    ("math.sign", "-1, 0 or 1."),
    ("math.sqrt", "The square root."),
    ("math.trunc", "The whole part."),
    ("optional.none", "An optional that holds nothing."),
    ("optional.of", "An optional that holds this."),
    (
        "optional.ofNonZeroValue",
        "An optional that holds this, or nothing for zero, `\"\"`, `[]`, `{}`, `false` and `null`.",
    ),
    ("optional.unwrap", "What the optionals of the list hold."),
    ("or", "This optional, or the other one if it holds nothing."),
    ("orValue", "What the optional holds, or this if it holds nothing."),
    ("prefixLength", "How many bits of the network are its prefix."),
    ("replace", "The text with each `old` replaced by `new`, at most so many times."),
    ("reverse", "The items or characters in reverse order."),
    ("size", "How many characters, bytes, items or entries there are."),
    ("slice", "The items from one place to below another."),
    ("sort", "The items in order."),
    ("split", "The parts of the text between separators, at most so many."),
    ("startsWith", "Whether the text starts with this part."),
    ("string", "A number, boolean, time, duration, address or bytes as text."),
    ("strings.quote", "The text as a literal."),
    ("substring", "The characters from one place on, or to below another."),
    ("timestamp", "The time that RFC 3339 text stands for, or that many seconds after 1970."),
    ("trim", "The text without blanks on either side."),
    ("type", "The type of the value."),
    ("uint", "A number, or text that stands for one, as a whole number without sign."),
    ("unwrapOpt", "What the optionals of the list hold."),
    ("upperAscii", "The text with ASCII letters in upper case."),
    ("value", "What the optional holds; an error if it holds nothing."),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_function_is_described_and_nothing_else() {
        let described: BTreeSet<&str> = FUNCTIONS.iter().map(|(name, _)| *name).collect();
        assert_eq!(described, functions::names().collect());
        assert_eq!(described.len(), FUNCTIONS.len());
        for function in functions() {
            assert!(!function.forms.is_empty() && (function.on_value || function.alone), "{}", function.name);
        }
        assert_eq!(
            function("substring").unwrap().forms,
            ["string.substring(int) -> string", "string.substring(int, int) -> string"]
        );
    }

    /// Every form of every macro is one to the parser: it is not called as a function would be.
    #[test]
    fn every_macro_is_one() {
        use crate::base::fragment::Fragment;
        use crate::base::source::SourceId;
        use crate::expression::ast::ExprKind;
        for (known, form) in MACROS.iter().flat_map(|known| known.forms.iter().map(move |form| (known, form))) {
            let parsed = crate::expression::parse(&Fragment::verbatim(SourceId(0), 0, *form)).unwrap();
            assert!(!matches!(parsed.kind, ExprKind::Call { .. }), "{}", known.name);
        }
        let described: BTreeSet<&str> =
            MACROS.iter().map(|known| known.name).filter(|name| *name != "cel.bind").collect();
        assert_eq!(described, crate::expression::check::MACROS.iter().copied().collect());
    }
}
