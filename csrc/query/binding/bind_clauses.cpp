// SORT, DISTINCT and LIMIT (query-language.md section 15).
#include <algorithm>
#include <iterator>

#include "query/binding/binder.hpp"

namespace realmsync::query {

// A path of single links to a value; of a dictionary, to what a key has.
Path Binder::clause_path(const syntax::Path& text, const char* clause) {
    std::vector<Piece> pieces = Binder::pieces(text);
    join_backlinks(pieces);
    Path path;
    path.root = path.cls = cls_;
    for (std::size_t i = 0; i < pieces.size(); ++i) {
        const Piece& piece = pieces[i];
        std::string name = piece.kind == Piece::Kind::key
                               ? names_.property(*path.cls, piece.key, piece.position)
                               : spelled(piece);
        path.property = piece.kind == Piece::Kind::key ? path.cls->find(name) : model::Class::npos;
        if (path.property == model::Class::npos)
            refuse("No property '" + name + "' found on object type '" + path.cls->name +
                       "' specified in '" + clause + "' clause",
                   piece.position);
        const model::Property& definition = path.definition();
        path.type = definition.type;
        bool is_last = i + 1 == pieces.size();
        if (definition.collection == Collection::dictionary && i + 2 == pieces.size() &&
            pieces[i + 1].kind == Piece::Kind::key) {
            path.elements.push_back(element_of(pieces[i + 1]));
            break;
        }
        if (is_last && definition.collection != Collection::single)
            refuse("Cannot sort on a collection property", piece.position);
        if (is_last)
            break;
        if (definition.collection != Collection::single || definition.type != Type::link)
            refuse("All but last property must be a link", piece.position);
        const model::Class* target = schema_->find(definition.target);
        path.hops.push_back({path.cls, path.property, false, target});
        path.hop_elements.emplace_back();
        path.cls = target;
    }
    return path;
}

std::vector<Clause> Binder::clauses(std::span<const syntax::Clause> texts) {
    if (options_.is_subscription && !texts.empty())
        refuse("SORT, DISTINCT and LIMIT are not accepted in subscriptions",
               QueryFault::kNoPosition);
    std::vector<Clause> clauses;
    for (const syntax::Clause& text : texts) {
        if (const auto* limit = std::get_if<syntax::Limit>(&text)) {
            clauses.emplace_back(Limit{limit->count});
        } else if (const auto* distinct = std::get_if<syntax::Distinct>(&text)) {
            Distinct made;
            for (const syntax::Path& path : distinct->paths)
                made.paths.push_back(clause_path(path, "distinct"));
            clauses.emplace_back(std::move(made));
        } else {
            std::vector<SortKey> keys;
            for (const syntax::SortKey& key : std::get<syntax::Sort>(text).keys)
                keys.push_back({clause_path(key.path, "sort"), key.ascending});
            // The later one of two in a row decides first. Back to front, so that many in a row do
            // not push each other along; turned round at the end.
            if (clauses.empty() || !std::holds_alternative<Sort>(clauses.back()))
                clauses.emplace_back(Sort());
            auto& before = std::get<Sort>(clauses.back()).keys;
            before.insert(before.end(), std::make_move_iterator(keys.rbegin()),
                          std::make_move_iterator(keys.rend()));
        }
    }
    for (Clause& clause : clauses)
        if (auto* sort = std::get_if<Sort>(&clause))
            std::ranges::reverse(sort->keys);
    return clauses;
}

} // namespace realmsync::query
