// The parser of queries by itself: what it understood, as a text with every word's kind and every
// operator in front of its operands. Recursion is as deep as the parser allows.
#include <pybind11/pybind11.h>

#include <array>
#include <string>

#include "bindings/testbed/bind.hpp"
#include "bindings/values/errors.hpp"
#include "query/parsing/lexer.hpp"
#include "query/parsing/parse.hpp"

namespace py = pybind11;

namespace realmsync::bindings::testbed {

namespace {

namespace syntax = query::syntax;

// By their enumerations.
constexpr std::array kOperators = {"==",   "!=",   "<",          "<=",       ">",
                                   ">=",   "in",   "beginswith", "endswith", "contains",
                                   "like", "text", "between"};
constexpr std::array kLiterals = {"natural", "number",    "float",    "inf",      "nan",
                                  "string",  "base64",    "binary",   "binary64", "uuid",
                                  "oid",     "timestamp", "local",    "link",     "true",
                                  "false",   "null",      "argument", "obj"};
constexpr std::array kQuantifiers = {"", "any ", "all ", "none "};
constexpr std::array kAggregates = {"@min", "@max", "@sum", "@avg"};
constexpr std::array kRegions = {"box", "circle", "polygon"};

template <class Names, class Enum> std::string named(const Names& names, Enum value) {
    return names.at(static_cast<std::size_t>(value));
}

// Several, with commas between them.
template <class Items, class Each> std::string listed(const Items& items, Each each) {
    std::string text;
    for (const auto& item : items)
        text += (text.empty() ? "" : ", ") + each(item);
    return text;
}

std::string shown(const syntax::Predicate& predicate);
std::string shown(const syntax::Expression& expression);

std::string shown(const syntax::Literal& literal) {
    std::string text = named(kQuantifiers, literal.quantifier) + named(kLiterals, literal.kind);
    if (literal.kind == syntax::Literal::Kind::argument)
        return text + ":" + std::to_string(literal.argument);
    text += ":" + literal.text;
    return literal.key ? text + "/" + shown(*literal.key) : text;
}

std::string shown(const syntax::Step& step) {
    using enum syntax::Step::Kind;
    switch (step.kind) {
    case name: return "." + step.text;
    case index: return "[" + std::to_string(step.index) + "]";
    case first: return "[first]";
    case last: return "[last]";
    case all: return "[*]";
    case key: return "['" + step.text + "']";
    case argument: return "[$" + std::to_string(step.index) + "]";
    }
    return {};
}

std::string shown(const syntax::Path& path) {
    std::string text;
    for (const syntax::Step& step : path.steps)
        text += shown(step);
    return text.starts_with('.') ? text.substr(1) : text;
}

std::string shown(const syntax::Property& property) {
    std::string post = property.post_text.empty() ? "" : "." + property.post_text;
    return named(kQuantifiers, property.quantifier) + shown(property.path) + post;
}

std::string shown(const syntax::AggregateOf& aggregate) {
    std::string property = aggregate.property.empty() ? "" : "." + aggregate.property;
    return shown(aggregate.path) + "." + named(kAggregates, aggregate.aggregate) + property;
}

std::string shown(const syntax::ListOf& list) {
    auto item = [](const syntax::Literal& literal) { return shown(literal); };
    return named(kQuantifiers, list.quantifier) + "{" + listed(list.items, item) + "}";
}

std::string shown(const syntax::Subquery& subquery) {
    return "subquery(" + shown(subquery.path) + ", " + subquery.variable + ", " +
           shown(*subquery.predicate) + ")";
}

std::string shown(const syntax::Arithmetic& arithmetic) {
    return std::string("(") + arithmetic.op + " " + shown(*arithmetic.left) + " " +
           shown(*arithmetic.right) + ")";
}

std::string shown(const syntax::Expression& expression) {
    return std::visit([](const auto& of) { return shown(of); }, expression.of);
}

std::string shown(const syntax::Region& region) {
    auto coordinate = [](const syntax::Coordinate& number) { return shown(number); };
    auto point = [&](const syntax::Point& p) {
        return "[" + listed(p.coordinates, coordinate) + "]";
    };
    auto ring = [&](const std::vector<syntax::Point>& r) { return "{" + listed(r, point) + "}"; };
    std::string radius = region.radius ? ", " + shown(*region.radius) : "";
    return named(kRegions, region.kind) + "(" + listed(region.rings, ring) + radius + ")";
}

std::string shown(const syntax::Constant& constant) { return constant.value ? "true" : "false"; }

std::string shown(const syntax::Comparison& comparison) {
    return "(" + named(kOperators, comparison.op) + (comparison.ignore_case ? "[c] " : " ") +
           shown(comparison.left) + " " + shown(comparison.right) + ")";
}

std::string shown(const syntax::GeoWithin& within) {
    std::string right = std::visit([](const auto& of) { return shown(of); }, within.right);
    return "(geowithin " + shown(within.left) + " " + right + ")";
}

std::string shown(const syntax::Not& negation) { return "(not " + shown(*negation.of) + ")"; }

std::string shown(const syntax::Chain& chain) {
    std::string text = chain.conjunction ? "(and" : "(or";
    for (const syntax::Predicate& member : chain.members)
        text += " " + shown(member);
    return text + ")";
}

std::string shown(const syntax::Predicate& predicate) {
    std::string text = std::visit([](const auto& of) { return shown(of); }, predicate.of);
    return predicate.in_parentheses ? "<" + text + ">" : text;
}

std::string shown(const syntax::Sort& sort) {
    auto key = [](const syntax::SortKey& k) {
        return shown(k.path) + (k.ascending ? " asc" : " desc");
    };
    return "sort(" + listed(sort.keys, key) + ")";
}

std::string shown(const syntax::Distinct& distinct) {
    auto each = [](const syntax::Path& path) { return shown(path); };
    return "distinct(" + listed(distinct.paths, each) + ")";
}

std::string shown(const syntax::Limit& limit) {
    return "limit(" + std::to_string(limit.count) + ")";
}

// Each as its name in messages and its spelling; the end is not among them.
py::list query_words(const std::string& text, bool is_subscription) {
    py::list words;
    try {
        query::Lexer lexer(text, is_subscription);
        for (query::Token token = lexer.next(); token.kind != query::TokenKind::end;
             token = lexer.next())
            words.append(py::make_tuple(query::name(token.kind), token.text));
    } catch (const query::QueryFault& fault) {
        throw_python(fault, text);
    }
    return words;
}

std::string parse_query(const std::string& text, bool is_subscription, std::size_t depth,
                        std::size_t terms, std::size_t bytes) {
    try {
        syntax::Query query = query::parse(text, {{bytes, depth, terms}, is_subscription});
        std::string all = shown(query.predicate);
        for (const syntax::Clause& clause : query.clauses)
            all += " " + std::visit([](const auto& of) { return shown(of); }, clause);
        return all;
    } catch (const query::QueryFault& fault) {
        throw_python(fault, text);
    }
}

std::string parse_region(const std::string& text) {
    try {
        return shown(query::parse_region(text));
    } catch (const query::QueryFault& fault) {
        throw_python(fault, text);
    }
}

std::string parse_path(const std::string& text) {
    try {
        return shown(query::parse_path(text));
    } catch (const query::QueryFault& fault) {
        throw_python(fault, text);
    }
}

} // namespace

void bind_query_syntax(py::module_& m) {
    query::ParseLimits limits;
    m.def("parse_query", &parse_query, py::arg("text"), py::arg("is_subscription") = false,
          py::arg("depth") = limits.depth, py::arg("terms") = limits.terms,
          py::arg("bytes") = limits.bytes);
    m.def("query_words", &query_words, py::arg("text"), py::arg("is_subscription") = false);
    m.def("parse_query_region", &parse_region, py::arg("text"));
    m.def("parse_query_path", &parse_path, py::arg("text"));
}

} // namespace realmsync::bindings::testbed
