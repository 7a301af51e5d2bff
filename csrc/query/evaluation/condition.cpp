#include "query/evaluation/condition.hpp"

#include <algorithm>
#include <vector>

#include "query/evaluation/path_values.hpp"
#include "query/evaluation/quantify.hpp"
#include "query/strings/fold.hpp"
#include "query/values/compare_values.hpp"

namespace realmsync::query {

namespace {

class TruthCondition : public Condition {
  public:
    explicit TruthCondition(bool value) : value_(value) {}
    bool matches(const Image&, Run&) const override { return value_; }

  private:
    bool value_;
};

class NotCondition : public Condition {
  public:
    explicit NotCondition(ConditionPtr of) : of_(std::move(of)) {}
    bool matches(const Image& object, Run& run) const override {
        return !of_->matches(object, run);
    }

  private:
    ConditionPtr of_;
};

constexpr std::size_t kSteps = 4; // members that are asked in one step of work

class GroupCondition : public Condition {
  public:
    GroupCondition(const Group& group, const model::Schema& schema)
        : conjunction_(group.conjunction) {
        members_.reserve(group.members.size());
        for (const PredicatePtr& member : group.members)
            members_.push_back(prepare(*member, schema));
    }
    bool matches(const Image& object, Run& run) const override {
        std::size_t asked = 0;
        run.spend(1);
        for (const ConditionPtr& member : members_) {
            if (member->matches(object, run) != conjunction_)
                return !conjunction_;
            if (++asked % kSteps == 0)
                run.spend(1);
        }
        return conjunction_;
    }

  private:
    bool conjunction_;
    std::vector<ConditionPtr> members_;
};

class MembershipCondition : public Condition {
  public:
    MembershipCondition(const Membership& membership, const model::Schema& schema)
        : path_(membership.path, schema) {
        items_.reserve(membership.items.size());
        for (const Constant& item : membership.items)
            items_.emplace_back(item.value);
        std::sort(items_.begin(), items_.end(), is_before);
    }
    bool matches(const Image& object, Run& run) const override {
        ValueView value;
        return path_.single(object, run, value) &&
               std::binary_search(items_.begin(), items_.end(), value, is_before);
    }

  private:
    static bool is_before(const ValueView& a, const ValueView& b) { return exact_order(a, b) < 0; }

    PathValues path_;
    std::vector<ValueView> items_; // in that order
};

class BetweenCondition : public Condition {
  public:
    BetweenCondition(const Between& between, const model::Schema& schema)
        : path_(between.path, schema), low_(between.low.value), high_(between.high.value),
          quantifier_(between.quantifier) {}
    bool matches(const Image& object, Run& run) const override {
        if (!path_.path().is_multiple) {
            ValueView value;
            return path_.single(object, run, value) && is_within(value);
        }
        Values values;
        path_.gather(object, run, values);
        for (std::size_t i = 0; i < values.group_count(); ++i) {
            if (quantify(quantifier_, values.group(i),
                         [this](const ValueView& value) { return is_within(value); }))
                return true;
        }
        return false;
    }

  private:
    bool is_within(const ValueView& value) const {
        return compare(Operator::greater_equal, value, low_) &&
               compare(Operator::less_equal, value, high_);
    }

    PathValues path_;
    ValueView low_, high_;
    Quantifier quantifier_;
};

constexpr std::size_t kVertex = 4; // steps for each, as it has to be exact

class GeoCondition : public Condition {
  public:
    explicit GeoCondition(const GeoWithin& within)
        : within_(within), route_(within.path, within.path.hops.size()) {
        if (const auto* polygon = std::get_if<GeoPolygon>(&within.region))
            for (const auto& ring : polygon->rings)
                vertices_ += ring.size();
    }
    bool matches(const Image& object, Run& run) const override {
        // Unlike elsewhere, ALL needs at least one.
        bool is_any = false, is_all = true;
        visit(object, run, [&](const Image& point) {
            run.spend(1 + vertices_ * kVertex);
            const bool is_inside = contains(point);
            is_any = is_any || is_inside;
            is_all = is_all && is_inside;
            return within_.quantifier == Quantifier::all ? is_all : !is_any;
        });
        switch (within_.quantifier) {
        case Quantifier::all: return is_any && is_all;
        case Quantifier::none: return !is_any;
        default: return is_any;
        }
    }

  private:
    void visit(const Image& object, Run& run, Callable<bool(const Image&)> test) const {
        if (within_.path.end_kind == Path::End::object) {
            route_.each_once(object, run,
                             [&](const Image& end, std::int64_t) { return test(end); });
            return;
        }
        route_.each_once(object, run, [&](const Image& end, std::int64_t) {
            bool goes_on = true;
            each_member(value_of(end, within_.path.property), within_.path.elements,
                        [&](const model::Value& member) {
                            if (const model::Embedded* point = member.embedded())
                                goes_on = test(image_of(*point));
                            return goes_on;
                        });
            return goes_on;
        });
    }
    Image image_of(const model::Embedded& point) const {
        return {nullptr, {}, point.properties.data(), point.properties.size()};
    }
    // An object is a point if its type says so, in any case, and it has two coordinates.
    bool contains(const Image& point) const {
        const model::Value* type = point.find(within_.type_property);
        const model::Value* coordinates = point.find(within_.coordinates_property);
        const auto* name = type == nullptr ? nullptr : std::get_if<std::string>(&type->data);
        const model::List* list = coordinates == nullptr ? nullptr : coordinates->list();
        if (name == nullptr || list == nullptr || list->items.size() < 2 ||
            !equals_folded(*name, "POINT"))
            return false;
        const auto* longitude = std::get_if<double>(&list->items[0].data);
        const auto* latitude = std::get_if<double>(&list->items[1].data);
        GeoPoint at;
        if (longitude == nullptr || latitude == nullptr)
            return false;
        at.longitude = *longitude;
        at.latitude = *latitude;
        return within_.area->contains(at);
    }

    const GeoWithin& within_;
    Route route_;
    std::size_t vertices_ = 0; // that a point is compared with
};

class TextCondition : public Condition {
  public:
    explicit TextCondition(const TextMatch& text)
        : search_(text.search), path_(text.path), route_(text.path, text.path.hops.size()) {}
    // Null is searched as the empty text is; where a link leads nowhere, there is none.
    bool matches(const Image& object, Run& run) const override {
        bool is_found = false;
        route_.each_once(object, run, [&](const Image& end, std::int64_t) {
            const ValueView value(value_of(end, path_.property));
            const std::string_view text =
                value.type() == Type::string ? value.bytes() : std::string_view();
            // Each token of the text is compared with every prefix.
            run.spend(text.size() * (2 + search_.prefixes.size()) / 4);
            is_found = query::matches(search_, text);
            return !is_found;
        });
        return is_found;
    }

  private:
    const TextSearch& search_;
    const Path& path_;
    Route route_;
};

} // namespace

ConditionPtr prepare(const Predicate& predicate, const model::Schema& schema) {
    struct Make {
        const model::Schema& schema;
        ConditionPtr operator()(const Truth& truth) const {
            return std::make_unique<TruthCondition>(truth.value);
        }
        ConditionPtr operator()(const Comparison& comparison) const {
            return prepare(comparison, schema);
        }
        ConditionPtr operator()(const Membership& membership) const {
            return std::make_unique<MembershipCondition>(membership, schema);
        }
        ConditionPtr operator()(const Between& between) const {
            return std::make_unique<BetweenCondition>(between, schema);
        }
        ConditionPtr operator()(const GeoWithin& within) const {
            return std::make_unique<GeoCondition>(within);
        }
        ConditionPtr operator()(const TextMatch& text) const {
            return std::make_unique<TextCondition>(text);
        }
        ConditionPtr operator()(const Not& negation) const {
            return std::make_unique<NotCondition>(prepare(*negation.of, schema));
        }
        ConditionPtr operator()(const Group& group) const {
            return std::make_unique<GroupCondition>(group, schema);
        }
    };
    return std::visit(Make{schema}, predicate.of);
}

} // namespace realmsync::query
