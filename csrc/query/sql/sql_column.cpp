#include "query/sql/sql_column.hpp"

#include <bit>
#include <cmath>

#include "base/hex.hpp"
#include "model/text_forms.hpp"

namespace realmsync::query {

namespace {

// Integers that every double column compares exactly, also when an index makes them doubles first.
constexpr std::int64_t kExactInDouble = std::int64_t{1} << 53;

bool is_order(Operator op) {
    return op == Operator::less || op == Operator::less_equal || op == Operator::greater ||
           op == Operator::greater_equal;
}

bool is_relational(Operator op) {
    return op == Operator::equal || op == Operator::not_equal || is_order(op);
}

const char* spelling(Operator op) {
    switch (op) {
    case Operator::equal: return " = ";
    case Operator::less: return " < ";
    case Operator::less_equal: return " <= ";
    case Operator::greater: return " > ";
    default: return " >= ";
    }
}

// The number of an int, float or double, without a sign of zero.
std::optional<double> number(const model::Value& value) {
    if (const auto* integer = std::get_if<std::int64_t>(&value.data);
        integer != nullptr && *integer >= -kExactInDouble && *integer <= kExactInDouble)
        return static_cast<double>(*integer);
    if (const auto* real = std::get_if<float>(&value.data); real != nullptr && !std::isnan(*real))
        return *real == 0 ? 0.0 : static_cast<double>(*real);
    if (const auto* real = std::get_if<double>(&value.data); real != nullptr && !std::isnan(*real))
        return *real == 0 ? 0.0 : *real;
    return std::nullopt;
}

// What a column of the type holds for -0.0, which SQLite would make 0.0: its bytes.
std::string negative_zero(Type type) {
    auto literal = [](const auto& zero) {
        return "x'" + to_hex({reinterpret_cast<const char*>(&zero), sizeof zero}) + "'";
    };
    return type == Type::float32 ? literal(-0.0F) : literal(-0.0);
}

SqlText exact(std::string text) { return {std::move(text), true}; }
SqlText wider(std::string text) { return {std::move(text), false}; }

} // namespace

std::string sql_quote(const std::string& name) {
    std::string quoted = "\"";
    for (const char c : name) {
        quoted += c;
        if (c == '"')
            quoted += '"';
    }
    return quoted + '"';
}

std::string SqlParameters::add(const model::Property& property, const model::Value& value,
                               SqlParameter::Form form) {
    all_.push_back({&property, value.clone(), form});
    return dialect_ == Dialect::sqlite ? "?" : "$" + std::to_string(all_.size());
}

std::string SqlColumns::truth(bool value) const {
    if (is_sqlite())
        return value ? "1" : "0";
    return value ? "TRUE" : "FALSE";
}

std::optional<SqlColumn> SqlColumns::column(const Path& path) {
    if (path.end_kind != Path::End::property || !path.elements.empty() ||
        path.ending != Ending::value || path.definition().collection != Collection::single ||
        path.definition().is_embedded() || path.root->embedded())
        return std::nullopt;
    std::string row = kRow, from;
    std::string opening, closing;
    for (std::size_t i = 0; i < path.hops.size(); ++i) {
        const Hop& hop = path.hops[i];
        if (hop.is_multiple() || !hop.definition().is_link() || hop.target->embedded() ||
            (i < path.hop_elements.size() && !path.hop_elements[i].empty()))
            return std::nullopt;
        const std::string link =
            from.empty() ? row + "." + sql_quote(hop.definition().column)
                         : "(SELECT " + row + "." + sql_quote(hop.definition().column) + from + ")";
        const std::string next = "d" + std::to_string(++aliases_);
        from = " FROM " + sql_quote(hop.target->table) + " " + next + " WHERE " +
               (options_.is_partitioned
                    ? next + ".\"rs$partition\" = " + kRow + ".\"rs$partition\" AND "
                    : "") +
               next + "." + sql_quote(hop.target->key_column) + " = " + link;
        row = next;
    }
    const model::Property& property = path.definition();
    SqlColumn column{row + "." + sql_quote(property.column), &property, from.empty(), false};
    if (!from.empty())
        column.text = "(SELECT " + column.text + from + ")";
    column.has_blob_null =
        path.cls->has_key_property && path.property == 0 && path.cls->key_nullable;
    return column;
}

std::string SqlColumns::is_null(const SqlColumn& column) const {
    if (column.has_blob_null) // through a link it may be NULL, too
        return "(" + column.text + " IS NULL OR " + column.text + " = x'')";
    return column.text + " IS NULL";
}

// What null compared with null gives by section 9.
std::optional<SqlText> SqlColumns::compare_null(const SqlColumn& column, Operator op,
                                                Meeting meeting) {
    const Type type = column.property->type;
    if (!is_relational(op))
        return std::nullopt;
    if (column.has_blob_null && !is_sqlite())
        return std::nullopt;
    if (type == Type::link) {
        if (meeting != Meeting::link_column || is_order(op))
            return std::nullopt; // dangling links are null to it
    } else if (type == kMixed) { // as may be links in a Mixed
        if (op != Operator::equal || !is_sqlite())
            return std::nullopt;
        return wider("(" + column.text + " IS NULL OR " + column.text + " >= x'')");
    }
    const bool strings = meeting == Meeting::string_column;
    switch (op) {
    case Operator::equal: return exact(is_null(column));
    case Operator::not_equal: return exact(is_not_true(is_null(column)));
    case Operator::less_equal: return exact(is_null(column));
    case Operator::greater_equal: return exact(strings ? truth(true) : is_null(column));
    case Operator::greater: return exact(strings ? is_not_true(is_null(column)) : truth(false));
    default: return exact(truth(false));
    }
}

// Values that the database orders as the language does.
std::optional<SqlText> SqlColumns::compare_plain(const SqlColumn& column, Operator op,
                                                 const model::Value& value) {
    if (op == Operator::not_equal)
        return exact(is_not_true(column.text + " = " + parameters_.add(*column.property, value)));
    if (is_order(op) && column.has_blob_null) // an empty blob is above numbers and texts
        return std::nullopt;
    return exact(column.text + spelling(op) + parameters_.add(*column.property, value));
}

std::optional<SqlText> SqlColumns::begins_with(const SqlColumn& column, const model::Value& value) {
    const std::string& prefix = std::get<std::string>(value.data);
    if (column.has_blob_null || !is_sqlite())
        return std::nullopt;
    if (prefix.empty())
        return exact(column.text + " IS NOT NULL");
    // The first text behind all that begin with it. No byte of UTF-8 is 0xff.
    std::string upper = prefix;
    if (static_cast<unsigned char>(upper.back()) == 0xff)
        return std::nullopt;
    upper.back() = static_cast<char>(upper.back() + 1);
    std::string text = "(" + column.text + " >= " + parameters_.add(*column.property, value);
    text += " AND " + column.text + " < " +
            parameters_.add(*column.property, model::Value(std::move(upper))) + ")";
    return exact(std::move(text));
}

std::optional<SqlText> SqlColumns::compare_string(const SqlColumn& column, Operator op,
                                                  const model::Value& value, Meeting meeting) {
    if (op == Operator::begins_with)
        return begins_with(column, value);
    if (!is_relational(op))
        return std::nullopt;
    std::optional<SqlText> plain = compare_plain(column, op, value);
    // Null is below every string.
    if (plain && meeting == Meeting::string_column &&
        (op == Operator::less || op == Operator::less_equal))
        plain->text = "(" + plain->text + " OR " + column.text + " IS NULL)";
    return plain;
}

// A column of REAL has blobs for NaN and -0.0, and blobs are above all numbers.
std::optional<SqlText> SqlColumns::compare_real(const SqlColumn& column, Operator op,
                                                const model::Value& value, Meeting meeting) {
    const std::optional<double> given = number(value);
    if (!given || !is_relational(op) || !is_sqlite())
        return std::nullopt;
    const double v = *given;
    const std::string& p = column.text;
    const std::string zero = " OR " + p + " = " + negative_zero(column.property->type);
    const std::string placeholder = parameters_.add(*column.property, model::Value(v));
    if (op == Operator::equal || op == Operator::not_equal) {
        const std::string equal = p + " = " + placeholder + (v == 0 ? zero : "");
        return exact(op == Operator::equal ? "(" + equal + ")" : is_not_true(equal));
    }
    std::string text = p + spelling(op) + placeholder;
    if (op == Operator::less || op == Operator::less_equal) {
        const bool has_zero = op == Operator::less ? v > 0 : v >= 0;
        // Below all numbers, but for constants of the column's own type (8.3).
        const bool has_nan = meeting != Meeting::ieee || value.type() == Type::integer;
        if (has_zero && has_nan)
            text += " OR " + p + " >= x''";
        else if (has_zero)
            text += zero;
        else if (has_nan)
            text += " OR (" + p + " >= x'' AND " + p + " <> " +
                    negative_zero(column.property->type) + ")";
    } else {
        text = "(" + text + " AND " + p + " < x'')";
        if (op == Operator::greater ? v < 0 : v <= 0)
            text += zero;
    }
    return exact("(" + text + ")");
}

// A column has texts for the years 1 to 9999, in order, and blobs outside, in order and above.
std::optional<SqlText> SqlColumns::compare_date(const SqlColumn& column, Operator op,
                                                const model::Value& value) {
    const Timestamp& time = std::get<Timestamp>(value.data);
    if (!is_relational(op) || !is_sqlite())
        return std::nullopt;
    if (!is_order(op))
        return compare_plain(column, op, value);
    if (!model::date_text(time))
        return std::nullopt;
    const std::string& p = column.text;
    std::string text = p + spelling(op) + parameters_.add(*column.property, value);
    if (op == Operator::greater || op == Operator::greater_equal)
        text = "(" + text + " AND " + p + " < x'') OR " + p + " > " +
               parameters_.add(*column.property, value, SqlParameter::Form::blob);
    else
        text += " OR (" + p + " >= x'' AND " + p + " < " +
                parameters_.add(*column.property, value, SqlParameter::Form::blob) + ")";
    return exact("(" + text + ")");
}

// INTEGER, REAL and TEXT are themselves; everything else, also other numbers, is a blob. What may
// lie in blobs is left in, for the other evaluator to look at.
std::optional<SqlText> SqlColumns::compare_mixed(const SqlColumn& column, Operator op,
                                                 const model::Value& value) {
    const std::string& p = column.text;
    if (!is_sqlite())
        return std::nullopt;
    const std::string blob = p + " >= x''";
    if (value.type() == Type::string) {
        if (op == Operator::equal || op == Operator::not_equal)
            return compare_plain(column, op, value);
        if (op == Operator::begins_with) {
            auto text = begins_with(column, value);
            return text ? std::optional(wider("(" + text->text + " OR " + blob + ")")) : text;
        }
        if (!is_order(op))
            return std::nullopt;
        const std::string text = p + spelling(op) + parameters_.add(*column.property, value);
        return op == Operator::less || op == Operator::less_equal
                   ? exact("(" + text + " AND " + p + " >= '')")
                   : exact("(" + text + " AND " + p + " < x'')");
    }
    if (op != Operator::equal && !is_order(op))
        return std::nullopt;
    if (value.type() == Type::integer || number(value)) {
        const model::Value plain =
            value.type() == Type::integer ? value.clone() : model::Value(*number(value));
        std::string text = p + spelling(op) + parameters_.add(*column.property, plain);
        if (op == Operator::greater || op == Operator::greater_equal)
            text = "(" + text + " AND " + p + " < '')";
        return wider("(" + text + " OR " + blob + ")");
    }
    return op == Operator::equal && !value.is_container() ? std::optional(wider(blob))
                                                          : std::nullopt;
}

std::optional<SqlText> SqlColumns::compare(const SqlColumn& column, Operator op,
                                           const model::Value& value, Meeting meeting) {
    if (meeting == Meeting::sequence)
        return std::nullopt;
    if (value.is_null())
        return compare_null(column, op, meeting);
    const Type type = column.property->type;
    switch (type) {
    case Type::string:
        return value.type() == type ? compare_string(column, op, value, meeting) : std::nullopt;
    case Type::float32:
    case Type::float64: return compare_real(column, op, value, meeting);
    case Type::timestamp:
        return value.type() == type ? compare_date(column, op, value) : std::nullopt;
    case kMixed: return compare_mixed(column, op, value);
    case Type::integer:
        if (value.type() == type)
            break;
        if (const auto real = number(value); real && is_sqlite() && is_relational(op))
            return compare_plain(column, op, model::Value(*real)); // SQLite is exact
        return std::nullopt;
    case Type::boolean:
    case Type::binary:
    case Type::object_id:
    case Type::uuid:
        if (value.type() != type)
            return std::nullopt;
        break;
    case Type::link:
        if (meeting != Meeting::link_column || value.link() == nullptr || is_order(op))
            return std::nullopt; // a dangling link is null to it
        if (value.link()->table != column.property->target)
            return exact(truth(op == Operator::not_equal));
        break;
    default: return std::nullopt; // decimals have many texts
    }
    return is_relational(op) ? compare_plain(column, op, value) : std::nullopt;
}

std::optional<SqlText> SqlColumns::compare(const SqlColumn& left, Operator op,
                                           const SqlColumn& right) {
    const Type type = left.property->type;
    const bool is_plain = type == Type::integer || type == Type::boolean || type == Type::string ||
                          type == Type::binary || type == Type::object_id || type == Type::uuid;
    if (!is_plain || right.property->type != type || left.has_blob_null || right.has_blob_null)
        return std::nullopt;
    switch (op) {
    case Operator::equal:
        return exact(left.text + (is_sqlite() ? " IS " : " IS NOT DISTINCT FROM ") + right.text);
    case Operator::not_equal:
        return exact(left.text + (is_sqlite() ? " IS NOT " : " IS DISTINCT FROM ") + right.text);
    case Operator::less:
    case Operator::greater: return exact(left.text + spelling(op) + right.text);
    default: return std::nullopt;
    }
}

// Null stands below everything. Blobs stand above numbers and texts, and what is one is not.
std::optional<std::string> SqlColumns::order(const SqlColumn& column, bool ascending) const {
    const std::string& p = column.text;
    const std::string way = ascending ? " ASC NULLS FIRST" : " DESC NULLS LAST";
    if (!column.is_direct || column.has_blob_null)
        return std::nullopt;
    switch (column.property->type) {
    case Type::integer:
    case Type::boolean:
    case Type::string:
    case Type::binary:
    case Type::object_id:
    case Type::uuid: return p + way;
    case Type::float32:
    case Type::float64:
        if (!is_sqlite())
            return std::nullopt;
        return "CASE WHEN " + p + " >= x'' AND " + p + " <> " +
               negative_zero(column.property->type) + " THEN 1 WHEN " + p +
               " IS NOT NULL THEN 2 END" + way + ", CASE WHEN " + p + " >= x'' THEN 0.0 ELSE " + p +
               " END" + way;
    case Type::timestamp: // dates before the year 1 have bytes that begin lower than this one
        if (!is_sqlite())
            return std::nullopt;
        return "CASE WHEN " + p + " >= x'' AND " + p + " < x'80' THEN 1 WHEN " + p +
               " IS NOT NULL THEN 2 END" + way + ", " + p + way;
    default: return std::nullopt; // decimals have many texts
    }
}

std::optional<SqlText> SqlColumns::is_one_of(const SqlColumn& column,
                                             const std::vector<Constant>& items) {
    const Type type = column.property->type;
    bool has_null = false;
    std::string list;
    for (const Constant& item : items) {
        if (item.value.is_null()) {
            has_null = true;
            continue;
        }
        if (item.value.type() != type || (column.has_blob_null && !is_sqlite()))
            return std::nullopt;
        list += (list.empty() ? "" : ", ") + parameters_.add(*column.property, item.value);
    }
    std::string text = list.empty() ? truth(false) : column.text + " IN (" + list + ")";
    if (has_null)
        text = "(" + text + " OR " + is_null(column) + ")";
    return exact(std::move(text));
}

} // namespace realmsync::query
