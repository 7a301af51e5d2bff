// From syntax to the typed tree: names are resolved against a schema, constants and arguments are
// converted to the type that they meet, and what the language refuses is refused, with the messages
// of query-language.md section 18.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "model/schema.hpp"
#include "query/parsing/syntax.hpp"
#include "query/tree/argument.hpp"
#include "query/tree/tree.hpp"

namespace realmsync::query {

// Names of an application for those of the schema (section 7): properties, and classes after
// @links. Substituted until nothing changes, at most 50 times.
struct KeyPathMapping {
    struct Renamed {
        std::string cls, property, to;
    };
    struct Alias {
        std::string cls, alias;
    };
    std::vector<Renamed> properties;
    std::vector<Alias> classes;
};

struct BindOptions {
    const KeyPathMapping* mapping = nullptr;
    // A text that another SDK's serialiser wrote (19.3): what it cannot say otherwise is taken as
    // it was meant (a null printed as nan, 1.0 printed as 1, objects with a class_ prefix, …), and
    // ordering and placeholders are refused.
    bool is_subscription = false;
    // Names of properties with a full-text index, as "Class.property".
    std::vector<std::string> full_text;
    // Whether an object is there: obj() of one that is not is null (5.2). Without it links stay as
    // they are, and find nothing when the query runs.
    std::function<bool(const model::Class&, const Key&)> exists;
};

// Throws QueryFault. O(size of the syntax tree · log of the schema).
Query bind(const syntax::Query& text, const model::SchemaPtr& schema, const model::Class& cls,
           std::span<const Argument> arguments, const BindOptions& options = {});

} // namespace realmsync::query
