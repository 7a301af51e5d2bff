#include "query/sql/text_index.hpp"

namespace realmsync::query {

namespace {

// The length tells table and column apart, and the last $ keeps the tables that FTS5 makes beside
// its own (…$_data) from those of another property.
std::string quoted(const model::Class& cls, const model::Property& property,
                   std::string_view ending) {
    const std::string name = "rs_text$" + std::to_string(cls.table.size()) + "$" + cls.table + "$" +
                             property.column + "$" + std::string(ending);
    std::string sql = "\"";
    for (const char c : name)
        sql += c == '"' ? std::string("\"\"") : std::string(1, c);
    return sql + "\"";
}

// No token at all matches nothing, and the complement is everything.
std::string in_quotes(const std::string& token) { return '"' + token + '"'; }

// Several tokens, which hold no quotes, joined by an operator of FTS5.
void join(std::string& text, std::string_view op, const std::vector<std::string>& tokens,
          std::string_view ending = "") {
    for (const std::string& token : tokens)
        text.append(text.empty() ? "" : op).append(in_quotes(token)).append(ending);
}

} // namespace

std::string text_index_table(const model::Class& cls, const model::Property& property) {
    return quoted(cls, property, "");
}

std::string text_index_keys(const model::Class& cls, const model::Property& property) {
    return quoted(cls, property, "_key"); // no ending that FTS5 takes for its own tables
}

bool has_rowid(const model::Class& cls) {
    return cls.key_type == Type::integer && !cls.key_nullable;
}

TextMatchExpression match_expression(const TextSearch& search) {
    std::string wanted, unwanted;
    join(wanted, " AND ", search.included);
    join(wanted, " AND ", search.prefixes, " *");
    join(unwanted, " OR ", search.excluded);
    if (wanted.empty())
        return {unwanted.empty() ? in_quotes("") : unwanted, true};
    return {unwanted.empty() ? wanted : "(" + wanted + ") NOT (" + unwanted + ")", false};
}

std::string text_index_select(const model::Class& cls, const model::Property& property,
                              std::string_view parameter) {
    const std::string table = text_index_table(cls, property);
    const std::string match = " WHERE " + table + " MATCH " + std::string(parameter);
    if (has_rowid(cls))
        return "SELECT rowid FROM " + table + match;
    return "SELECT key FROM " + text_index_keys(cls, property) +
           " WHERE id IN (SELECT rowid FROM " + table + match + ")";
}

} // namespace realmsync::query
