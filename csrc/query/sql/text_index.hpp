// How SQL asks the full-text index of a property (query-language.md 10.7): names and expressions.
// That the index exists and is right is the matter of tables/text_index.hpp.
//
// An index is a table of FTS5 that holds the tokens of each text and nothing else, under the rowid
// of the object. Classes whose table has no rowid have a table of keys beside it, which numbers the
// objects.
#pragma once

#include <string>
#include <string_view>

#include "model/schema.hpp"
#include "query/strings/text_search.hpp"

namespace realmsync::query {

// Of a single string property of a top-level class; as they stand in SQL, quoted.
std::string text_index_table(const model::Class& cls, const model::Property& property);
std::string text_index_keys(const model::Class& cls, const model::Property& property);
// Whether the key column is the rowid, so that there is no table of keys.
bool has_rowid(const model::Class& cls);

// A search as SQL says it: the objects whose key is in the set that text_index_select() gives for
// `expression`, or with is_complement those whose key is not (null rows included).
struct TextMatchExpression {
    std::string expression; // of FTS5
    bool is_complement = false;
};
TextMatchExpression match_expression(const TextSearch& search);

// "SELECT key …": to stand behind "t.key IN" or "t.key NOT IN". `parameter` (?1) stands for the
// expression.
std::string text_index_select(const model::Class& cls, const model::Property& property,
                              std::string_view parameter);

} // namespace realmsync::query
