#include "rules/comparison.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/decimal.hpp"
#include "query/values/arithmetic.hpp"
#include "query/values/compare_values.hpp"
#include "query/values/value_view.hpp"

namespace realmsync::rules {

namespace {

using model::Value;
using query::ValueView;

// Where both sides of a comparison are arrays longer than this, one is sorted.
constexpr std::size_t kFewItems = 8;
constexpr std::size_t kSortedStep = 4; // steps of work for a look into what is sorted

bool is_real(const Value& value) {
    return value.type() == Type::float32 || value.type() == Type::float64;
}

bool are_same(const Value& a, const Value& b, query::Work& work) { // as they are
    if (!query::is_comparable(a.type(), b.type()) || is_nan(a) || is_nan(b)) {
        work.spend(1);
        return false;
    }
    work.spend(a.is_container() ? weight(a) + weight(b) : std::min(weight(a), weight(b)));
    return query::order(ValueView(a), ValueView(b)) == 0;
}

bool has_element(const Value& list, const Value& value, query::Work& work) {
    for (const Value& item : list.list()->items)
        if (are_same(item, value, work))
            return true;
    return false;
}

bool is_before(const ValueView& a, const ValueView& b) { return query::exact_order(a, b) < 0; }

// The elements of an array, to be asked often. Equality of a decimal and a double is that of what
// the double is rounded to, which no order of both has: they are kept in several orders.
class Elements {
  public:
    Elements(const Value& list, query::Work& work) : list_(list), work_(work) {
        work.spend(weight(list) * kSortedStep);
        for (const Value& item : list.list()->items) {
            if (item.is_container() || is_nan(item))
                continue;
            scalars_.emplace_back(item);
            if (item.type() == Type::decimal)
                decimals_.emplace_back(item);
            if (is_real(item))
                rounded_.emplace_back(query::decimal_of(ValueView(item)));
        }
        for (std::vector<ValueView>* views : {&scalars_, &decimals_, &rounded_})
            std::sort(views->begin(), views->end(), is_before);
    }

    // Whether one is equal, or all of them where the value is an array.
    bool contain(const Value& value) const {
        if (value.list() != nullptr)
            return are_same(list_, value, work_);
        if (value.is_container())
            return has_element(list_, value, work_);
        work_.spend(weight(value) + kSortedStep);
        if (is_nan(value))
            return false;
        const ValueView view(value);
        return find(scalars_, view) || (value.type() == Type::decimal && find(rounded_, view)) ||
               (is_real(value) && find(decimals_, ValueView(query::decimal_of(view))));
    }

  private:
    static bool find(const std::vector<ValueView>& views, const ValueView& view) {
        return std::binary_search(views.begin(), views.end(), view, is_before);
    }

    const Value& list_;
    query::Work& work_;
    std::vector<ValueView> scalars_, decimals_, rounded_;
};

// Whether the left side is equal to some of the items, or to every one.
bool equals_items(const Value& left, const Value& items, bool every, query::Work& work) {
    const auto& all = items.list()->items;
    auto test = [&](auto is_equal) {
        return every ? std::all_of(all.begin(), all.end(), is_equal)
                     : std::any_of(all.begin(), all.end(), is_equal);
    };
    if (left.list() == nullptr || left.list()->items.size() <= kFewItems)
        return test([&](const Value& item) { return equals(left, item, work); });
    const Elements elements(left, work);
    return test([&](const Value& item) { return elements.contain(item); });
}

query::Operator relation(Comparator op) {
    switch (op) {
    case Comparator::gt: return query::Operator::greater;
    case Comparator::gte: return query::Operator::greater_equal;
    case Comparator::lt: return query::Operator::less;
    default: return query::Operator::less_equal;
    }
}

bool is_in_order(const Value& left, Comparator op, const Value& right, query::Work& work) {
    if (left.list() != nullptr) {
        const auto& items = left.list()->items;
        return std::any_of(items.begin(), items.end(), [&](const Value& item) {
            return item.list() == nullptr && is_in_order(item, op, right, work);
        });
    }
    work.spend(std::min(weight(left), weight(right)));
    const ValueView number(right);
    const bool has_order =
        number.is_number() || right.type() == Type::string || right.type() == Type::timestamp;
    return has_order && !is_nan(left) && !is_nan(right) &&
           query::compare(relation(op), ValueView(left), number);
}

} // namespace

bool is_nan(const Value& value) {
    const auto* decimal = std::get_if<Decimal128>(&value.data);
    return decimal != nullptr ? realmsync::is_nan(*decimal) : query::is_nan(value);
}

bool equals(const Value& left, const Value& right, query::Work& work) {
    const bool is_list = left.list() != nullptr;
    if (is_list == (right.list() != nullptr))
        return are_same(left, right, work);
    return is_list ? has_element(left, right, work) : has_element(right, left, work);
}

Left left_of(const Subject& subject, const Resolver& resolver) {
    static const Value kTrue(true), kFalse(false);
    if (const auto* flag = std::get_if<bool>(&subject))
        return {*flag ? &kTrue : &kFalse, true};
    return {resolver.resolve(std::get<Expansion>(subject)).value};
}

bool holds(const Left& left, Comparator op, const Resolved& right, bool is_null_literal,
           query::Work& work) {
    work.spend(1);
    if (right.value == nullptr || (right.lacks_elements && op != Comparator::in))
        return false;
    if (op == Comparator::exists) {
        const auto* flag = std::get_if<bool>(&right.value->data);
        const bool is_there = left.value != nullptr && !left.value->is_null();
        return flag != nullptr && *flag == is_there;
    }
    if (left.value == nullptr)
        return op == Comparator::eq && is_null_literal;
    const bool is_list = right.value->list() != nullptr;
    const bool is_equality = op == Comparator::eq || op == Comparator::ne;
    if (is_equality && is_list && left.is_truth)
        return op == Comparator::ne;
    switch (op) {
    case Comparator::eq: return equals(*left.value, *right.value, work);
    case Comparator::ne: return !equals(*left.value, *right.value, work);
    case Comparator::in: return is_list && equals_items(*left.value, *right.value, false, work);
    case Comparator::nin: return is_list && !equals_items(*left.value, *right.value, false, work);
    case Comparator::all: // of nothing: not so, lest an empty list in a user's data give rights
        return is_list && !right.value->list()->items.empty() &&
               equals_items(*left.value, *right.value, true, work);
    default: return is_in_order(*left.value, op, *right.value, work);
    }
}

} // namespace realmsync::rules
