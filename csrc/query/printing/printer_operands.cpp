// The operands of a printer's comparisons: constants, lists, paths, subqueries, arithmetic
// (query-language.md 19.1).
#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <utility>

#include "query/parsing/parse.hpp"
#include "query/printing/printer.hpp"

namespace realmsync::query {

namespace {

// Numbers as literals that are read as floating point, with all their digits.
template <class Float> std::string exact_literal(Float value, std::string_view suffix) {
    if (!std::isfinite(value))
        return literal(model::Value(value));
    std::array<char, 40> buffer;
    auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
    std::string text(buffer.data(), end.ptr);
    if (suffix.empty() && text.find_first_of(".e") == text.npos)
        text += ".0";
    return text.append(suffix);
}

// The only NaNs that texts say are the quiet ones without payload.
template <class Float> bool has_literal(Float value) {
    using Bits = std::array<std::byte, sizeof(Float)>;
    return !std::isnan(value) || std::bit_cast<Bits>(std::copysign(value, Float{1})) ==
                                     std::bit_cast<Bits>(std::numeric_limits<Float>::quiet_NaN());
}

std::optional<std::string> key_in_obj(const Key& key) {
    if (key.type == Type::null || key.type == Type::global_key)
        return std::nullopt;
    std::string text = key_literal(key);
    if (text.starts_with('B'))
        return std::nullopt;
    return text;
}

// Whether a text between quotes is read as it is.
bool is_string_token(const std::string& quoted) {
    try {
        const syntax::Query read = parse("x == " + quoted);
        const auto* comparison = std::get_if<syntax::Comparison>(&read.predicate.of);
        const auto* constant =
            comparison == nullptr ? nullptr : std::get_if<syntax::Literal>(&comparison->right.of);
        return constant != nullptr && constant->kind == syntax::Literal::Kind::string &&
               constant->text == std::string_view(quoted).substr(1, quoted.size() - 2);
    } catch (const QueryFault&) {
        return false;
    }
}

// Opposite to binary a base64 literal would be binary, and a string an argument must not be.
std::string string_for_binary(const std::string& text) {
    std::string quoted = '\'' + text + '\'';
    return is_string_token(quoted) ? quoted : '"' + text + '"';
}

// Digits alone are read as an integer of 64 bits, which has no -0.
std::string exact_decimal(const std::string& text) {
    constexpr std::size_t kFits = 18; // digits, and perhaps a sign
    const bool is_whole = text.find_first_not_of("-0123456789") == text.npos;
    return is_whole && (text == "-0" || text.size() > kFits) ? text + "E0" : text;
}

// The text that gives this value opposite to such a type (5.4), if there is one.
std::optional<std::string> exact_literal(const model::Value& value, Type opposite) {
    switch (value.type()) {
    case Type::float32: {
        float number = std::get<float>(value.data);
        const bool is_read_as_float =
            opposite == Type::float32 || (opposite == Type::decimal && std::isfinite(number));
        if (!is_read_as_float || !has_literal(number))
            return std::nullopt;
        return exact_literal(number, std::isfinite(number) ? "f" : "");
    }
    case Type::float64: {
        double number = std::get<double>(value.data);
        const bool is_read_as_double =
            opposite == Type::float64 || opposite == kMixed || opposite == Type::integer;
        if (!is_read_as_double || !has_literal(number))
            return std::nullopt;
        return exact_literal(number, "");
    }
    case Type::string:
        if (opposite == Type::binary)
            return string_for_binary(std::get<std::string>(value.data));
        return literal(value);
    case Type::decimal:
        if (opposite != Type::decimal)
            return std::nullopt;
        return exact_decimal(literal(value));
    case Type::link:
        if (!key_in_obj(value.link()->key.view()))
            return std::nullopt;
        return literal(value);
    default: return literal(value);
    }
}

// Names of generated variables: $x, $y, $z, $a, … $w, $xx, $xy, …
class VariableNames {
  public:
    std::string next() {
        std::string name = prefix_ + letter_;
        letter_ = letter_ == 'z' ? 'a' : static_cast<char>(letter_ + 1);
        if (letter_ == kFirst)
            prefix_ += kFirst;
        return name;
    }

  private:
    static constexpr char kFirst = 'x';
    std::string prefix_ = "$";
    char letter_ = kFirst;
};

} // namespace

Printer::Opposite Printer::opposite(const Operand& operand, Meeting meeting) {
    return {operand.type, false, meeting};
}

void Printer::write(const Operand& operand) { write(operand, Opposite{}); }

void Printer::write(const Operand& operand, const Opposite& opposite) {
    // The reference makes another kind of node of ANY with a link, which forgets it.
    if (exact_ || opposite.meeting != Meeting::link_column || operand.quantifier != Quantifier::any)
        write_quantifier_of(operand);
    if (const auto* path = std::get_if<PathOperand>(&operand.of))
        write(path->path);
    else if (const auto* list = std::get_if<ConstantList>(&operand.of))
        write(*list, opposite);
    else if (const auto* constant = std::get_if<Constant>(&operand.of))
        write(*constant, opposite, operand.type == kMixed);
    else if (const auto* count = std::get_if<SubqueryCount>(&operand.of))
        write(*count);
    else
        write(std::get<Arithmetic>(operand.of));
}

// That of arithmetic stands at one of its operands.
void Printer::write_quantifier_of(const Operand& operand) {
    if (!std::holds_alternative<Arithmetic>(operand.of))
        write(operand.quantifier);
}

void Printer::write(const Arithmetic& arithmetic) {
    text_ += '(';
    write(*arithmetic.left, opposite(*arithmetic.right));
    text_ += {' ', arithmetic.op, ' '};
    write(*arithmetic.right, opposite(*arithmetic.left));
    text_ += ')';
}

void Printer::write(const SubqueryCount& count) {
    text_ += "SUBQUERY(";
    write(count.path);
    const model::Class& members = *count.path.hops.back().target;
    VariableNames names;
    std::string variable = names.next();
    while (members.find(variable) != model::Class::npos ||
           std::find(variables_.begin(), variables_.end(), variable) != variables_.end())
        variable = names.next();
    text_ += ", " + variable + ", ";
    variables_.push_back(std::move(variable));
    const bool outside = std::exchange(in_negation_, true);
    write(*count.predicate);
    in_negation_ = outside;
    variables_.pop_back();
    text_ += ").@count";
}

void Printer::write(const ConstantList& list, const Opposite& opposite) {
    const std::string_view comma = opposite.meeting == Meeting::link_column ? "," : ", ";
    text_ += '{';
    for (std::size_t i = 0; i < list.items.size(); ++i) {
        if (i > 0)
            text_ += comma;
        write(list.items[i], Opposite{opposite.type}, Digits::six);
    }
    text_ += '}';
}

void Printer::write(const Constant& constant, const Opposite& opposite, Digits digits) {
    if (!exact_) {
        if (constant.value.is_null())
            write_null(opposite);
        else
            text_ += literal(constant.value, digits);
    } else if (std::optional<std::string> text = exact_literal(constant.value, opposite.type)) {
        text_ += *text;
    } else {
        write_argument(Argument(constant.value.clone()));
    }
}

// A constant that arithmetic was folded to is Mixed, which no literal is.
void Printer::write(const Constant& constant, const Opposite& opposite, bool is_mixed) {
    const bool is_folded = is_mixed && !constant.value.is_null() && constant.type_mask == 0;
    if (exact_ && is_folded)
        write_argument(Argument(Folded{constant.value.clone()}));
    else
        write(constant, opposite,
              is_folded || opposite.is_mixed_column ? Digits::six : Digits::all);
}

void Printer::write_null(const Opposite& opposite) {
    if (opposite.meeting == Meeting::ieee)
        text_ += "nan";
    else
        text_ += opposite.is_mixed_column ? "null" : "NULL";
}

void Printer::write(Quantifier quantifier) {
    switch (quantifier) {
    case Quantifier::unsaid: break;
    case Quantifier::any: text_ += "ANY "; break;
    case Quantifier::all: text_ += "ALL "; break;
    case Quantifier::none: text_ += "NONE "; break;
    }
}

void Printer::write_argument(Argument argument, std::string_view prefix) {
    text_.append(prefix) += std::to_string(arguments_.size());
    arguments_.push_back(std::move(argument));
}

} // namespace realmsync::query
