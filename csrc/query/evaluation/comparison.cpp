// Comparisons made ready (query-language.md sections 8 to 11 and 17): direct columns with
// constants, which have rules of their own, and all others, where values meet as the quantifiers
// say.
#include <algorithm>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "query/evaluation/condition.hpp"
#include "query/evaluation/operand_values.hpp"
#include "query/evaluation/quantify.hpp"
#include "query/evaluation/sizes.hpp"
#include "query/strings/text_pattern.hpp"
#include "query/values/compare_values.hpp"

namespace realmsync::query {

namespace {

// A comparison of a column with a constant, turned so that the column is on the left.
struct ColumnSides {
    std::size_t property;
    Operator op;
    ValueView constant;
};

// A column of integers and an integer: most comparisons there are.
class IntegerCondition : public Condition {
  public:
    explicit IntegerCondition(const ColumnSides& sides)
        : property_(sides.property), op_(sides.op), constant_(sides.constant.integer()) {}
    bool matches(const Image& object, Run&) const override {
        const auto* value = std::get_if<std::int64_t>(&value_of(object, property_).data);
        if (value == nullptr) // null
            return op_ == Operator::not_equal;
        switch (op_) {
        case Operator::equal: return *value == constant_;
        case Operator::not_equal: return *value != constant_;
        case Operator::less: return *value < constant_;
        case Operator::less_equal: return *value <= constant_;
        case Operator::greater: return *value > constant_;
        default: return *value >= constant_;
        }
    }

  private:
    std::size_t property_;
    Operator op_;
    std::int64_t constant_;
};

// A column of floats or doubles and a constant of that type: NaN equals nothing and is in no order
// (8.3).
class IeeeCondition : public Condition {
  public:
    explicit IeeeCondition(const ColumnSides& sides)
        : property_(sides.property), op_(sides.op), constant_(sides.constant.real()) {}
    bool matches(const Image& object, Run&) const override {
        const ValueView value(value_of(object, property_));
        if (value.is_null())
            return op_ == Operator::not_equal;
        const double real = value.real();
        switch (op_) {
        case Operator::equal: return real == constant_;
        case Operator::not_equal: return !(real == constant_);
        case Operator::less: return real < constant_;
        case Operator::less_equal: return real <= constant_;
        case Operator::greater: return real > constant_;
        default: return real >= constant_;
        }
    }

  private:
    std::size_t property_;
    Operator op_;
    double constant_;
};

// A column of strings in an order in which null comes first (9).
class StringOrderCondition : public Condition {
  public:
    explicit StringOrderCondition(const ColumnSides& sides) : sides_(sides) {}
    bool matches(const Image& object, Run&) const override {
        const ValueView value(value_of(object, sides_.property));
        return holds(sides_.op, order(value, sides_.constant));
    }

  private:
    ColumnSides sides_;
};

// A column of strings or binary on the left of a string operator, or with == or !=.
class TextColumnCondition : public Condition {
  public:
    TextColumnCondition(const ColumnSides& sides, bool ignore_case, Type type)
        : property_(sides.property), pattern_(sides.op, ignore_case, sides.constant) {
        // A null needle is found in every row, null itself included; binary with [c] is an
        // exception of the reference (9).
        const bool searches = is_text_operator(sides.op) && sides.op != Operator::like;
        const bool is_exception =
            type == Type::binary && ignore_case && sides.op == Operator::contains;
        matches_all_ = searches && sides.constant.is_null() && !is_exception;
    }
    bool matches(const Image& object, Run& run) const override {
        return matches_all_ || pattern_.matches(ValueView(value_of(object, property_)), run.work());
    }

  private:
    std::size_t property_;
    TextPattern pattern_;
    bool matches_all_;
};

// A single link of the object itself against one object or null: as it is stored, so that a
// dangling one is not null (9).
class LinkCondition : public Condition {
  public:
    explicit LinkCondition(const ColumnSides& sides) : sides_(sides) {}
    bool matches(const Image& object, Run&) const override {
        const ValueView value(value_of(object, sides_.property));
        // An embedded object is a value of its own: all that is asked is whether it is there.
        return compare(sides_.op, value, sides_.constant);
    }

  private:
    ColumnSides sides_;
};

// How one value meets another on the generic path.
class Pairing {
  public:
    Pairing(const Comparison& comparison, const OperandValues& left, const OperandValues& right)
        : op_(comparison.op), ignore_case_(comparison.ignore_case),
          is_types_(is_type(comparison.left) || is_type(comparison.right)),
          is_link_with_mixed_(!is_text_operator(op_) &&
                              ((is_link_path(left) && is_mixed_path(right)) ||
                               (is_mixed_path(left) && is_link_path(right)))) {
        const bool needs_patterns = is_text_operator(op_) || ignore_case_;
        if (needs_patterns && right.is_constant()) {
            for (const ValueView& needle : right.constants().group(0))
                patterns_.push_back(pattern_for(needle));
        } else if (ignore_case_ && !is_text_operator(op_) && is_single_constant(left)) {
            left_pattern_ = pattern_for(left.constants().group(0).front());
        }
    }

    // Whether values meet by their order alone.
    bool is_plain() const { return !is_types_ && !is_link_with_mixed_ && !is_text_operator(op_); }

    // `number`: which of the right side's constants it is.
    bool meets(const ValueView& left, const ValueView& right, std::size_t number,
               Work& work) const {
        if (is_types_)
            return ((left.integer() & right.integer()) != 0) == (op_ != Operator::not_equal);
        if (is_link_with_mixed_) // only null is equal (8.1)
            return (left.is_null() && right.is_null()) == (op_ != Operator::not_equal);
        if (!is_text_operator(op_) && !ignore_case_) {
            work.spend(size_to_compare(left, right));
            return compare(op_, left, right);
        }
        if (number < patterns_.size())
            return patterns_[number] ? patterns_[number]->matches(left, work)
                                     : compare(op_, left, right);
        if (left_pattern_) // == and != are the same from both sides
            return left_pattern_->matches(right, work);
        if (right.is_text())
            work.spend(right.bytes().size() / 4);
        const std::optional<TextPattern> pattern = pattern_for(right);
        return pattern ? pattern->matches(left, work) : compare(op_, left, right);
    }

  private:
    // Steps that it may take to look at both: long texts, collections in a Mixed.
    static std::uint64_t size_to_compare(const ValueView& left, const ValueView& right) {
        if (left.is_text() && right.is_text())
            return std::min(left.bytes().size(), right.bytes().size()) / 64;
        return left.is_container() && right.is_container()
                   ? static_cast<std::uint64_t>(std::max(size_of(left).integer(), std::int64_t{1}))
                   : 0;
    }
    // None where case says nothing: == and != of other values.
    std::optional<TextPattern> pattern_for(const ValueView& needle) const {
        if (!is_text_operator(op_) && !needle.is_text())
            return std::nullopt;
        return TextPattern(op_, ignore_case_, needle);
    }
    static bool is_type(const Operand& operand) {
        if (const auto* constant = std::get_if<Constant>(&operand.of))
            return constant->type_mask != 0;
        const auto* path = std::get_if<PathOperand>(&operand.of);
        return path != nullptr && path->path.ending == Ending::type;
    }
    static bool is_single_constant(const OperandValues& operand) {
        return operand.is_constant() && !operand.operand().is_multiple;
    }
    static bool is_path_of(const OperandValues& operand, Type type) {
        return operand.path() != nullptr && operand.operand().type == type;
    }
    static bool is_link_path(const OperandValues& operand) {
        return is_path_of(operand, Type::link);
    }
    static bool is_mixed_path(const OperandValues& operand) { return is_path_of(operand, kMixed); }

    Operator op_;
    bool ignore_case_, is_types_, is_link_with_mixed_;
    std::vector<std::optional<TextPattern>> patterns_; // of the right side's constants
    std::optional<TextPattern> left_pattern_;          // or of the left side's
};

// Many constants of which one has to be equal: found by halving instead of one by one.
class ConstantSet {
  public:
    // Short lists are as fast without; decimals equal doubles that are unequal (8.2), so that no
    // order puts equal ones side by side.
    static bool suits(const Comparison& comparison, const OperandValues& right) {
        if (comparison.op != Operator::equal || comparison.ignore_case || !right.is_constant() ||
            comparison.meeting == Meeting::sequence ||
            comparison.right.quantifier == Quantifier::all ||
            comparison.right.quantifier == Quantifier::none)
            return false;
        const std::span<const ValueView> items = right.constants().group(0);
        return items.size() > kShortList &&
               std::none_of(items.begin(), items.end(),
                            [](const ValueView& item) { return item.type() == Type::decimal; });
    }
    explicit ConstantSet(std::span<const ValueView> items) : items_(items.begin(), items.end()) {
        std::sort(items_.begin(), items_.end(), is_before);
    }

    static bool can_find(const ValueView& value) { return value.type() != Type::decimal; }
    bool contains(const ValueView& value) const {
        return std::binary_search(items_.begin(), items_.end(), value, is_before);
    }

  private:
    static constexpr std::size_t kShortList = 8;
    static bool is_before(const ValueView& a, const ValueView& b) { return exact_order(a, b) < 0; }

    std::vector<ValueView> items_; // in that order
};

// Any other comparison: every value of the left with every value of the right, as the quantifiers
// say (11.1); or the lists of both in order (11.2).
class GenericCondition : public Condition {
  public:
    GenericCondition(const Comparison& comparison, const model::Schema& schema)
        : comparison_(comparison), left_(comparison.left, schema, repeats(comparison)),
          right_(comparison.right, schema, repeats(comparison)),
          pairing_(comparison, left_, right_), is_left_single_(has_one_value(comparison.left)),
          is_right_single_(has_one_value(comparison.right)) {
        if (pairing_.is_plain() && ConstantSet::suits(comparison, right_))
            set_.emplace(right_.constants().group(0));
    }

    bool matches(const Image& object, Run& run) const override {
        if (is_left_single_ && is_right_single_) {
            ValueView left, right;
            return left_.single(object, run, left) && right_.single(object, run, right) &&
                   pairing_.meets(left, right, 0, run.work());
        }
        if (const PathValues* path = left_.path();
            is_right_single_ && path != nullptr && !is_sequence())
            return meets_one(*path, comparison_.left.quantifier, right_, object, run, false);
        if (const PathValues* path = right_.path();
            is_left_single_ && path != nullptr && !is_sequence())
            return meets_one(*path, comparison_.right.quantifier, left_, object, run, true);
        Values left_storage, right_storage;
        const Values& left = left_.gather(object, run, left_storage);
        const Values& right = right_.gather(object, run, right_storage);
        for (std::size_t i = 0; i < left.group_count(); ++i) {
            for (std::size_t j = 0; j < right.group_count(); ++j) {
                const bool holds =
                    is_sequence() ? meets_in_order(left.group(i), right.group(j), run.work())
                                  : meets_quantified(left.group(i), right.group(j), run.work());
                if (holds)
                    return true;
            }
        }
        return false;
    }

  private:
    using Group = std::span<const ValueView>;

    // Of a sequence every value counts, of all else every different one.
    static Repeats repeats(const Comparison& comparison) {
        return comparison.meeting == Meeting::sequence ? Repeats::kept : Repeats::dropped;
    }
    bool is_sequence() const { return comparison_.meeting == Meeting::sequence; }
    // ALL and NONE of one value are as they are of many: there may be none.
    static bool has_one_value(const Operand& operand) {
        return !operand.is_multiple &&
               (operand.quantifier == Quantifier::unsaid || operand.quantifier == Quantifier::any);
    }
    // All values of a path with the one value of the other side, or with none: without keeping
    // them.
    bool meets_one(const PathValues& path, Quantifier quantifier, const OperandValues& one,
                   const Image& object, Run& run, bool path_is_right) const {
        ValueView other;
        const bool is_there = one.single(object, run, other);
        bool is_any = false, is_all = true, is_met = false;
        path.each(
            object, run,
            [&](const ValueView& value) {
                const bool meets =
                    is_there && (path_is_right ? pairing_.meets(other, value, 0, run.work())
                                               : pairing_.meets(value, other, 0, run.work()));
                is_any = is_any || meets;
                is_all = is_all && meets;
            },
            [&] {
                is_met = is_met || (quantifier == Quantifier::all    ? is_all
                                    : quantifier == Quantifier::none ? !is_any
                                                                     : is_any);
                is_any = false;
                is_all = true;
            });
        return is_met && (is_there || !path_is_right);
    }
    bool meets_quantified(Group left, Group right, Work& work) const {
        return quantify(comparison_.left.quantifier, left, [&](const ValueView& x) {
            if (set_ && ConstantSet::can_find(x))
                return set_->contains(x);
            std::size_t number = 0;
            const bool holds =
                quantify(comparison_.right.quantifier, right,
                         [&](const ValueView& y) { return pairing_.meets(x, y, number++, work); });
            work.spend(number / 2);
            return holds;
        });
    }
    // Lists of unequal length are unequal, and nothing else.
    bool meets_in_order(Group left, Group right, Work& work) const {
        if (left.size() != right.size())
            return comparison_.op == Operator::not_equal;
        for (std::size_t i = 0; i < left.size(); ++i) {
            if (!pairing_.meets(left[i], right[i], i, work))
                return false;
        }
        return true;
    }

    const Comparison& comparison_;
    OperandValues left_, right_;
    Pairing pairing_;
    bool is_left_single_, is_right_single_;
    std::optional<ConstantSet> set_; // of the right side
};

const Path* column_of(const Operand& operand) {
    const auto* path = std::get_if<PathOperand>(&operand.of);
    return path != nullptr && path->path.is_column() ? &path->path : nullptr;
}

// The test of a column with a constant, where there is one that is better or other than the generic
// one.
ConditionPtr prepare_column(const Comparison& comparison, const Path& column,
                            const Constant& constant, bool is_reversed) {
    const ColumnSides sides{column.property, is_reversed ? mirrored(comparison.op) : comparison.op,
                            ValueView(constant.value)};
    const bool is_text = is_text_operator(comparison.op);
    const bool is_equality =
        comparison.op == Operator::equal || comparison.op == Operator::not_equal;
    switch (comparison.meeting) {
    case Meeting::ieee:
        if (sides.constant.type() == Type::float32 || sides.constant.type() == Type::float64)
            return std::make_unique<IeeeCondition>(sides);
        return nullptr;
    case Meeting::string_column:
    case Meeting::binary_column:
        if (is_text ? !is_reversed : comparison.ignore_case || is_equality)
            return std::make_unique<TextColumnCondition>(sides, comparison.ignore_case,
                                                         column.type);
        if (!is_text && comparison.meeting == Meeting::string_column)
            return std::make_unique<StringOrderCondition>(sides);
        return nullptr;
    case Meeting::link_column: return std::make_unique<LinkCondition>(sides);
    default: break;
    }
    const bool is_plain = !is_text && !comparison.ignore_case && constant.type_mask == 0;
    if (is_plain && column.definition().type == Type::integer &&
        sides.constant.type() == Type::integer)
        return std::make_unique<IntegerCondition>(sides);
    return nullptr;
}

} // namespace

ConditionPtr prepare(const Comparison& comparison, const model::Schema& schema) {
    const auto* left = std::get_if<Constant>(&comparison.left.of);
    const auto* right = std::get_if<Constant>(&comparison.right.of);
    const Path* column = column_of(left != nullptr ? comparison.right : comparison.left);
    ConditionPtr prepared;
    const bool is_none = comparison.left.quantifier == Quantifier::none ||
                         comparison.right.quantifier == Quantifier::none;
    if (column != nullptr && (left != nullptr) != (right != nullptr) && !is_none)
        prepared =
            prepare_column(comparison, *column, left != nullptr ? *left : *right, left != nullptr);
    return prepared ? std::move(prepared) : std::make_unique<GenericCondition>(comparison, schema);
}

} // namespace realmsync::query
