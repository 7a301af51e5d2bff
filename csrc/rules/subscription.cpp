#include "rules/subscription.hpp"

#include <utility>
#include <variant>

namespace realmsync::rules {

namespace {

using query::Comparison;
using query::Operand;
using query::Path;
using query::PathOperand;
using query::Predicate;

// How a path is used decides where it may lead.
enum class Use : unsigned char { value, equality_of_link, place };

class Reader {
  public:
    explicit Reader(SubscribedQuery& found) : found_(found) {}

    // As deep as the parser lets parentheses be.
    void read(const Predicate& predicate) {
        std::visit([this](const auto& kind) { read(kind); }, predicate.of);
    }

  private:
    void read(const query::Truth&) {}
    void read(const Comparison& comparison) {
        const Use use =
            comparison.meeting == query::Meeting::link_column ? Use::equality_of_link : Use::value;
        read(comparison.left, use);
        read(comparison.right, use);
    }
    void read(const query::Membership& membership) { read(membership.path, Use::value); }
    void read(const query::Between& between) { read(between.path, Use::value); }
    void read(const query::GeoWithin& geo) { read(geo.path, Use::place); }
    void read(const query::TextMatch& match) { read(match.path, Use::value); }
    void read(const query::Not& negation) { read(*negation.of); }
    void read(const query::Group& group) {
        for (const query::PredicatePtr& member : group.members)
            read(*member);
    }

    void read(const Operand& operand, Use use) {
        if (const auto* path = std::get_if<PathOperand>(&operand.of)) {
            read(path->path, use);
        } else if (std::holds_alternative<query::SubqueryCount>(operand.of)) {
            refuse("SUBQUERY");
        } else if (const auto* arithmetic = std::get_if<query::Arithmetic>(&operand.of)) {
            read(*arithmetic->left, use);
            read(*arithmetic->right, use);
        }
    }

    void read(const Path& path, Use use) {
        if (path.end_kind == Path::End::backlink_total)
            return refuse("@links");
        if (path.hops.empty())
            return read_property(path, use);
        const query::Hop& hop = path.hops.front();
        if (hop.backward)
            return refuse("@links");
        const bool is_place = use == Use::place && path.hops.size() == 1;
        if (hop.definition().is_link() || !is_place)
            return refuse("a path through " + hop.definition().name);
        add(hop.definition().name, use);
    }

    void read_property(const Path& path, Use use) {
        const model::Property& property = path.definition();
        if (property.is_link() && use != Use::equality_of_link)
            return refuse("a path through " + property.name);
        add(property.name, use);
    }

    void add(const std::string& field, Use use) {
        const bool is_new = found_.fields.insert(field).second;
        if (use != Use::place)
            found_.geo_fields.erase(field);
        else if (is_new)
            found_.geo_fields.insert(field);
    }

    void refuse(std::string what) {
        if (found_.unsupported.empty())
            found_.unsupported = std::move(what);
    }

    SubscribedQuery& found_;
};

const Path* column(const Operand& operand) {
    const auto* path = std::get_if<PathOperand>(&operand.of);
    return path != nullptr && path->path.is_column() ? &path->path : nullptr;
}

// The column that a condition gives one of some constants, if it does.
const Path* pinned_column(const Predicate& predicate) {
    if (const auto* membership = std::get_if<query::Membership>(&predicate.of))
        return &membership->path;
    const auto* comparison = std::get_if<Comparison>(&predicate.of);
    if (comparison == nullptr || comparison->op != query::Operator::equal ||
        comparison->ignore_case)
        return nullptr;
    const bool is_left = std::holds_alternative<query::Constant>(comparison->right.of);
    if (!is_left && !std::holds_alternative<query::Constant>(comparison->left.of))
        return nullptr;
    return column(is_left ? comparison->left : comparison->right);
}

// Of alternatives, as the subscriptions of a class are, what each of them pins.
std::set<std::string> pinned_by(const Predicate& predicate) {
    std::set<std::string> pinned;
    if (const auto* group = std::get_if<query::Group>(&predicate.of)) {
        bool is_first = true;
        for (const query::PredicatePtr& member : group->members) {
            std::set<std::string> own = pinned_by(*member);
            if (group->conjunction || std::exchange(is_first, false))
                pinned.merge(own);
            else
                std::erase_if(pinned, [&](const std::string& name) { return !own.contains(name); });
        }
    } else if (const Path* path = pinned_column(predicate)) {
        pinned.insert(path->definition().name);
    }
    return pinned;
}

} // namespace

SubscribedQuery subscribed(const query::Query& query) {
    SubscribedQuery found;
    Reader(found).read(*query.predicate);
    found.pinned = pinned_by(*query.predicate);
    if (!query.clauses.empty())
        found.unsupported = "SORT, DISTINCT or LIMIT";
    return found;
}

} // namespace realmsync::rules
