#include "query/tree/needs.hpp"

namespace realmsync::query {

namespace {

class Gatherer {
  public:
    explicit Gatherer(Needs& needs) : needs_(needs) {}

    void add(const Predicate& predicate) {
        std::visit([this](const auto& kind) { add(kind); }, predicate.of);
    }

    void add(const Clause& clause) {
        if (const auto* sort = std::get_if<Sort>(&clause))
            for (const SortKey& key : sort->keys)
                add(key.path);
        if (const auto* distinct = std::get_if<Distinct>(&clause))
            for (const Path& path : distinct->paths)
                add(path);
    }

  private:
    void add(const Truth&) {}
    void add(const Comparison& comparison) {
        add(comparison.left);
        add(comparison.right);
    }
    void add(const Membership& membership) { add(membership.path); }
    void add(const Between& between) { add(between.path); }
    void add(const GeoWithin& geo) {
        add(geo.path);
        const model::Class* point = geo.path.hops.back().target;
        needs_.properties[point].insert({geo.type_property, geo.coordinates_property});
    }
    void add(const TextMatch& match) { add(match.path); }
    void add(const Not& negation) { add(*negation.of); }
    void add(const Group& group) {
        for (const PredicatePtr& member : group.members)
            add(*member);
    }

    void add(const Operand& operand) {
        if (const auto* path = std::get_if<PathOperand>(&operand.of)) {
            add(path->path);
        } else if (const auto* count = std::get_if<SubqueryCount>(&operand.of)) {
            add(count->path);
            add(*count->predicate);
        } else if (const auto* arithmetic = std::get_if<Arithmetic>(&operand.of)) {
            add(*arithmetic->left);
            add(*arithmetic->right);
        }
    }

    void add(const Path& path) {
        for (const Hop& hop : path.hops) {
            if (hop.backward)
                needs_.backlinks.emplace(hop.cls, hop.property);
            else
                needs_.properties[hop.cls].insert(hop.property);
            if (hop.backward || hop.definition().is_link())
                needs_.follows_links = true;
        }
        if (path.end_kind == Path::End::backlink_total) {
            needs_.totals_backlinks = needs_.follows_links = true;
        } else if (path.end_kind == Path::End::property) {
            needs_.properties[path.cls].insert(path.property);
            // A dangling link is null, and counts as nothing.
            if (path.definition().is_link())
                needs_.follows_links = true;
            if (path.definition().type == kMixed && asks_what_is_held(path))
                needs_.follows_links = needs_.follows_mixed = true;
        }
    }

    // Whether a key of the path is one of a Mixed, not of a property that is a dictionary.
    static bool asks_what_is_held(const Path& path) {
        const std::size_t own = path.definition().collection == Collection::single ? 0 : 1;
        for (std::size_t i = own; i < path.elements.size(); ++i)
            if (path.elements[i].kind == Element::Kind::key)
                return true;
        return false;
    }

    Needs& needs_;
};

} // namespace

Needs needs_of(const Predicate& predicate) {
    Needs needs;
    Gatherer(needs).add(predicate);
    return needs;
}

Needs needs_of(const Query& query) {
    Needs needs;
    Gatherer gatherer(needs);
    for (const Query* stage = &query; stage != nullptr; stage = stage->of.get()) {
        gatherer.add(*stage->predicate);
        for (const Clause& clause : stage->clauses)
            gatherer.add(clause);
    }
    return needs;
}

} // namespace realmsync::query
