// The schema of an app as its configuration declares it, beside what its clients use: which schema
// instructions of an upload pass, and what a partition still has to be told (server-behaviour.md
// 12.1 to 12.4, app-configuration.md 7.4, 7.6, 7.7). Pure functions over schemas; the files of
// classes are tables/catalog.hpp's, when what is appended administration.cpp's.
//
// What clients use is settled: it is what they have declared, and all of them must agree. What is
// only declared in the configuration leaves open whether a primary key, or an element of a
// collection, may be null: exports tell too little about it, so that the first client decides.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "changeset/instruction.hpp"
#include "model/schema.hpp"

namespace realmsync::partitions {

// Whether a definition leaves open what configurations do.
enum class IsOpen : bool { no, yes };

// Classes as AddTable and AddColumn tell them. Throws ErrorException for what is no schema: other
// instructions, links to what is not there, a class or property that comes twice.
model::Schema read_schema(const std::string& changeset);
// Instructions that add to `known` what it lacks of `wanted`; empty: nothing. SQL names of `wanted`
// are not looked at.
std::string write_additions(const model::Schema& wanted, const model::Schema& known);

// The schema instructions of one upload against the app.
struct SchemaRules {
    const model::Schema& used;     // settled
    const model::Schema& declared; // by the configuration
    bool in_development = false;

    struct Verdict {
        std::optional<std::string> refused; // why: names class, property and both definitions
        std::string noticed;                // that a client has settled something otherwise
        bool is_news = false;               // of what is used
    };
    Verdict judge(const changeset::Changeset& changeset) const;
};

// What of `other` contradicts what is used, or nothing.
std::optional<std::string> contradiction(const model::Schema& used, const model::Schema& other,
                                         IsOpen open);
// Instructions that take out of `known` what contradicts `wanted` or is not in it; empty: nothing.
std::string write_removals(const model::Schema& known, const model::Schema& wanted);
// What becomes settled of a new configuration: what it adds to used classes and leaves nothing
// open.
model::Schema settled_additions(const model::Schema& used, const model::Schema& declared);
// Everything, used definitions before declared ones.
model::Schema united(const model::Schema& used, const model::Schema& declared);

} // namespace realmsync::partitions
