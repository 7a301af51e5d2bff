// AND, OR, NOT and the order that members of chains come out in (query-language.md 3.1, 19.1).
#include "query/binding/binder.hpp"

namespace realmsync::query {

namespace {

// A member of a chain, or the chain of its first members: `a AND b AND c` is (a AND b) AND c.
struct Part {
    const syntax::Predicate* member = nullptr;
    const syntax::Chain* chain = nullptr;
    std::size_t count = 0; // of the chain's members, two or more
};

Part part_of(const syntax::Predicate& member, bool conjunction) {
    const auto* chain = std::get_if<syntax::Chain>(&member.of);
    if (chain && chain->conjunction == conjunction)
        return {nullptr, chain, chain->members.size()};
    return {&member, nullptr, 0};
}

// The reference replaces a nested chain by its two sides, which go to the end of the list, until
// none is left: t1, t2, t3 come out as t3, t1, t2.
std::vector<const syntax::Predicate*> flattened(const syntax::Chain& chain) {
    std::vector<const syntax::Predicate*> members;
    std::vector<Part> parts{{nullptr, &chain, chain.members.size()}};
    for (std::size_t i = 0; i < parts.size(); ++i) {
        Part part = parts[i];
        if (part.member) {
            members.push_back(part.member);
            continue;
        }
        const std::vector<syntax::Predicate>& of = part.chain->members;
        bool conjunction = part.chain->conjunction;
        parts.push_back(part.count > 2 ? Part{nullptr, part.chain, part.count - 1}
                                       : part_of(of[0], conjunction));
        parts.push_back(part_of(of[part.count - 1], conjunction));
    }
    return members;
}

// The members of a conjunction and of those within it, in the order of the text. Parentheses bound
// the depth.
void flatten_in_order(const syntax::Chain& chain, std::vector<const syntax::Predicate*>& members) {
    for (const syntax::Predicate& member : chain.members) {
        if (const syntax::Chain* nested = part_of(member, chain.conjunction).chain)
            flatten_in_order(*nested, members);
        else
            members.push_back(&member);
    }
}

PredicatePtr truth() { return make_predicate(Truth{true}); }

} // namespace

PredicatePtr Binder::predicate(const syntax::Predicate& text) {
    PredicatePtr made = logic(text);
    return made ? made : truth();
}

// Null for what asks for nothing: `>=` the smallest integer (section 9).
PredicatePtr Binder::logic(const syntax::Predicate& text) {
    if (const auto* constant = std::get_if<syntax::Constant>(&text.of))
        return make_predicate(Truth{constant->value});
    if (const auto* compared = std::get_if<syntax::Comparison>(&text.of))
        return comparison(*compared);
    if (const auto* within = std::get_if<syntax::GeoWithin>(&text.of))
        return geo_within(*within);
    if (const auto* negated = std::get_if<syntax::Not>(&text.of))
        return negation(*negated);
    return group(std::get<syntax::Chain>(text.of));
}

PredicatePtr Binder::group(const syntax::Chain& chain) {
    std::vector<const syntax::Predicate*> texts;
    Group group;
    group.conjunction = chain.conjunction;
    if (!keeps_nesting_) {
        texts = flattened(chain);
    } else if (chain.conjunction) {
        flatten_in_order(chain, texts);
    } else {
        for (const syntax::Predicate& member : chain.members)
            texts.push_back(&member);
        group.is_left_nested = texts.size() > 2;
    }
    group.members.reserve(texts.size());
    for (const syntax::Predicate* text : texts) {
        PredicatePtr member = group.conjunction ? logic(*text) : predicate(*text);
        if (!member)
            continue;
        // BETWEEN is a conjunction of its own, which prints without parentheses. A disjunction that
        // is all that is left of an AND is one with the chain around it.
        const auto* inner = std::get_if<Group>(&member->of);
        bool is_rest = !keeps_nesting_ && std::holds_alternative<syntax::Chain>(text->of);
        if (inner && inner->conjunction == group.conjunction && (group.conjunction || is_rest))
            group.members.insert(group.members.end(), inner->members.begin(), inner->members.end());
        else
            group.members.push_back(std::move(member));
    }
    if (group.members.size() < 2)
        return group.members.empty() ? nullptr : group.members[0];
    return make_predicate(std::move(group));
}

PredicatePtr Binder::negation(const syntax::Not& text) {
    bool outer = std::exchange(keeps_nesting_, true);
    PredicatePtr of = predicate(*text.of);
    keeps_nesting_ = outer;
    return make_predicate(Not{std::move(of)});
}

} // namespace realmsync::query
