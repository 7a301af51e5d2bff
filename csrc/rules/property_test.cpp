#include "rules/property_test.hpp"

#include <utility>
#include <vector>

#include "query/tree/tree_copies.hpp"
#include "rules/comparison.hpp"
#include "rules/fitting.hpp"
#include "rules/limits.hpp"
#include "rules/predicates.hpp"

namespace realmsync::rules {

namespace {

using model::Value;
using query::Operator;
using query::PredicatePtr;

// More constants than these are a list even where the language would write them out.
constexpr std::size_t kFewConstants = 8;

Operator relation(Comparator op) {
    switch (op) {
    case Comparator::gt: return Operator::greater;
    case Comparator::gte: return Operator::greater_equal;
    case Comparator::lt: return Operator::less;
    default: return Operator::less_equal;
    }
}

// Whether < and > mean something.
bool has_order(const Value& value) {
    switch (value.type()) {
    case Type::integer:
    case Type::float32:
    case Type::float64:
    case Type::decimal:
    case Type::string:
    case Type::timestamp: return true;
    default: return false;
    }
}

// Columns that the language has memberships for.
bool has_membership(Type type) {
    return type == Type::integer || type == Type::string || type == Type::object_id ||
           type == Type::uuid;
}

query::Meeting meeting_of(Type column, const Value& constant) {
    if (column == Type::link)
        return query::Meeting::link_column;
    if (column == Type::string)
        return query::Meeting::string_column;
    if (column == Type::binary)
        return query::Meeting::binary_column;
    const bool is_real = column == Type::float32 || column == Type::float64;
    return is_real && constant.type() == column ? query::Meeting::ieee : query::Meeting::generic;
}

class PropertyTest {
  public:
    PropertyTest(const model::Class& cls, std::size_t property, query::Work& work)
        : property_(cls.properties[property]), work_(work) {
        path_.root = path_.cls = &cls;
        path_.property = property;
        path_.type = property_.type;
        path_.is_multiple = is_list();
    }

    PredicatePtr test(Comparator op, const Value& right) {
        const bool is_array = right.list() != nullptr;
        switch (op) {
        case Comparator::eq: return equals(right);
        case Comparator::ne: return right.is_null() ? is_there() : negated(equals(right));
        case Comparator::in: return truth_unless(is_array, [&] { return is_one_of(right); });
        case Comparator::nin:
            return truth_unless(is_array, [&] { return negated(is_one_of(right)); });
        case Comparator::all:
            return truth_unless(is_array && !right.list()->items.empty(),
                                [&] { return equals_all(right); });
        case Comparator::exists: {
            const auto* flag = std::get_if<bool>(&right.data);
            return truth_unless(flag != nullptr, [&] { return *flag ? is_there() : is_absent(); });
        }
        default: return is_in_order(relation(op), right);
        }
    }

  private:
    bool is_list() const { return property_.collection != Collection::single; }

    template <class Make> static PredicatePtr truth_unless(bool holds, Make make) {
        return holds ? make() : truth(false);
    }

    query::Operand operand(Type type) const {
        query::Operand operand;
        operand.of = query::PathOperand{path_};
        operand.type = type;
        operand.is_multiple = path_.is_multiple;
        return operand;
    }

    // The property, or an element of it, with a constant that fits it.
    PredicatePtr compare(Operator op, Value constant) {
        work_.spend(kKeptPredicate + kKeptStep * weight(constant));
        query::Comparison made;
        made.op = op;
        made.left = operand(path_.type);
        if (is_list())
            made.left.quantifier = query::Quantifier::any;
        else
            made.meeting = meeting_of(path_.type, constant);
        const bool is_text = path_.type == Type::string || path_.type == Type::binary;
        made.right.type = constant.is_null() && is_text ? path_.type : constant.type();
        made.right.of = query::Constant{std::move(constant)};
        return query::make_predicate(std::move(made));
    }

    PredicatePtr has_size(Operator op) {
        query::Path size = path_;
        size.ending = query::Ending::size;
        size.type = Type::integer;
        size.is_multiple = false;
        work_.spend(kKeptPredicate);
        query::Comparison made;
        made.op = op;
        made.left.of = query::PathOperand{std::move(size)};
        made.left.type = made.right.type = Type::integer;
        made.right.of = query::Constant{Value(std::int64_t{0})};
        return query::make_predicate(std::move(made));
    }

    // An empty list is as good as none.
    PredicatePtr is_absent() {
        return is_list() ? has_size(Operator::equal) : compare(Operator::equal, {});
    }

    PredicatePtr is_there() {
        return is_list() ? has_size(Operator::greater) : compare(Operator::not_equal, {});
    }

    // The constant that the property, or an element of it, is equal to if it is equal to the
    // value; nothing if it cannot be.
    std::optional<Value> constant_of(const Value& value) const {
        if (value.is_null())
            return Value();
        if (value.is_container() || value.type() == Type::link || is_nan(value))
            return std::nullopt;
        if (property_.type == Type::link)
            return link_to(value, property_);
        std::optional<Value> constant = fitted(value, property_.type);
        // Other numbers are compared with reals and decimals, but no integer is equal to them.
        if (constant && property_.type == Type::integer && constant->type() != Type::integer)
            return std::nullopt;
        return constant;
    }

    PredicatePtr equals(const Value& right) {
        if (right.list() != nullptr)
            return is_list() ? equals_whole(right) : is_element_of(right);
        if (right.is_null())
            return is_absent();
        std::optional<Value> constant = constant_of(right);
        return constant ? compare(Operator::equal, std::move(*constant)) : truth(false);
    }

    // Two lists, element by element.
    PredicatePtr equals_whole(const Value& right) {
        std::vector<Value> items;
        for (const Value& item : right.list()->items) {
            const std::size_t before = items.size();
            take(item, items);
            if (items.size() == before)
                return truth(false);
        }
        if (items.empty())
            return is_absent();
        if (property_.collection == Collection::set)
            make_set(items);
        query::Comparison made;
        made.meeting = query::Meeting::sequence;
        made.left = operand(path_.type);
        made.right = list_of(std::move(items));
        return query::make_predicate(std::move(made));
    }

    static query::Operand list_of(std::vector<Value> items) {
        query::ConstantList list;
        for (Value& item : items)
            list.items.push_back({std::move(item)});
        query::Operand operand;
        operand.is_multiple = true;
        operand.of = std::move(list);
        return operand;
    }

    // Whether one of the items is equal to the property, or an element of it; items that are
    // arrays are equal to what equals() says.
    PredicatePtr is_one_of(const Value& array) {
        std::vector<PredicatePtr> wholes;
        std::vector<Value> constants;
        for (const Value& item : array.list()->items) {
            if (item.list() == nullptr)
                take(item, constants);
            else if (is_list())
                wholes.push_back(equals_whole(item));
            else
                take_elements(item, constants);
        }
        wholes.push_back(is_one_of(std::move(constants)));
        return any_of(std::move(wholes));
    }

    // Of a single value.
    PredicatePtr is_element_of(const Value& array) {
        std::vector<Value> constants;
        take_elements(array, constants);
        return is_one_of(std::move(constants));
    }

    void take(const Value& item, std::vector<Value>& constants) {
        work_.spend(kKeptStep * weight(item));
        if (std::optional<Value> constant = constant_of(item))
            constants.push_back(std::move(*constant));
    }

    void take_elements(const Value& array, std::vector<Value>& constants) {
        for (const Value& item : array.list()->items)
            take(item, constants);
    }

    PredicatePtr is_one_of(std::vector<Value> constants) {
        if (constants.empty())
            return truth(false);
        if (constants.size() == 1)
            return compare(Operator::equal, std::move(constants.front()));
        if (!is_list() && has_membership(property_.type)) {
            make_set(constants);
            query::Membership made;
            made.path = path_;
            for (Value& constant : constants)
                made.items.push_back({std::move(constant)});
            return query::make_predicate(std::move(made));
        }
        const bool is_link = property_.type == Type::link;
        if (is_list() || property_.type == kMixed || (!is_link && constants.size() > kFewConstants))
            return is_listed(std::move(constants));
        std::vector<PredicatePtr> members;
        members.reserve(constants.size());
        for (Value& constant : constants)
            members.push_back(compare(Operator::equal, std::move(constant)));
        return any_of(std::move(members));
    }

    PredicatePtr is_listed(std::vector<Value> constants) {
        query::Comparison made;
        made.left = operand(path_.type);
        if (is_list())
            made.left.quantifier = query::Quantifier::any;
        made.right = list_of(std::move(constants));
        made.right.quantifier = query::Quantifier::any;
        return query::make_predicate(std::move(made));
    }

    PredicatePtr equals_all(const Value& array) {
        std::vector<PredicatePtr> members;
        for (const Value& item : array.list()->items) {
            if (item.is_null() && is_list()) // an element that is null, unlike `{f: null}`
                members.push_back(compare(Operator::equal, {}));
            else
                members.push_back(equals(item));
        }
        return all_of(std::move(members));
    }

    PredicatePtr is_in_order(Operator op, const Value& right) {
        std::optional<Value> constant;
        if (has_order(right) && !is_nan(right) && property_.type != Type::link)
            constant = fitted(right, property_.type);
        if (!constant)
            return truth(false);
        PredicatePtr made = compare(op, std::move(*constant));
        const bool is_below = op == Operator::less || op == Operator::less_equal;
        // Null is below every string of a column.
        if (is_below && !is_list() && property_.type == Type::string)
            return all_of({compare(Operator::not_equal, {}), std::move(made)});
        return made;
    }

    const model::Property& property_;
    query::Work& work_;
    query::Path path_;
};

} // namespace

PredicatePtr test_property(const model::Class& cls, std::size_t property, Comparator op,
                           const Resolved& right, query::Work& work) {
    const model::Property& definition = cls.properties[property];
    const bool is_foreign =
        definition.collection == Collection::dictionary ||
        (definition.collection != Collection::single && definition.type == Type::link);
    if (is_foreign || right.value == nullptr || (right.lacks_elements && op != Comparator::in))
        return truth(false);
    return PropertyTest(cls, property, work).test(op, *right.value);
}

} // namespace realmsync::rules
